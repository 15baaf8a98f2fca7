package subproc

import (
	"os/exec"
	"syscall"
)

// killWithParent has the kernel kill the process when the thread that starts it ends. Go ends no thread before the process,
// but those that a goroutine had locked and not given back; nobody here does that.
func killWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
