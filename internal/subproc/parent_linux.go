package subproc

import (
	"os/exec"
	"syscall"
)

// killWithParent has the kernel kill the process when the thread that starts it ends. Go ends a thread
// before the process only if a goroutine locked the thread and did not unlock it, which no caller does.
func killWithParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
