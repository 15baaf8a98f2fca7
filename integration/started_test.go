//go:build linux

package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// descriptors lists what a process has open in the domain below dir, and how many of these a program that it starts would get.
func descriptors(t testing.TB, pid int, dir string) (open, inherited []string) {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		if err != nil || !strings.HasPrefix(path, dir) && !strings.Contains(path, "pidfd") {
			continue
		}
		info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was open for a moment
		}
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, path)
		for line := range strings.Lines(string(info)) {
			if octal, ok := strings.CutPrefix(line, "flags:"); ok {
				flags, err := strconv.ParseUint(strings.TrimSpace(octal), 8, 64)
				if err != nil {
					t.Fatal(err)
				}
				if flags&syscall.O_CLOEXEC == 0 {
					inherited = append(inherited, path)
				}
			}
		}
	}
	return open, inherited
}

func TestAProgramThatAParticipantStartedDoesNotKeepItAlive(t *testing.T) {
	dir := newDomain(t)
	one, victim := startAttemptAgent(t, dir), startAttemptAgent(t, dir)
	for _, c := range []*child{one, victim} {
		c.mustSucceed("sub s t")
		c.mustSucceed("pub p t")
	}
	victim.mustSucceed("send p 3 500")
	one.mustSucceed("peers s 2")
	// Neither closes anything that it got.
	raw, usual := victim.mustSucceed("spawn raw").PID, victim.mustSucceed("spawn usual").PID
	t.Cleanup(func() { syscall.Kill(raw, syscall.SIGKILL); syscall.Kill(usual, syscall.SIGKILL) })
	open, inherited := descriptors(t, victim.cmd.Process.Pid, dir)
	if len(open) < 4 || len(inherited) != 0 {
		t.Errorf("of %q a program that it starts would get %q", open, inherited)
	}
	for _, pid := range []int{raw, usual} {
		if got, _ := descriptors(t, pid, dir); len(got) != 0 {
			t.Errorf("a program that it started has %q", got)
		}
	}
	victim.kill()
	one.mustSucceed("heard died 1")
	one.mustSucceed("take s 3")
	for _, pid := range []int{raw, usual} {
		if err := syscall.Kill(pid, 0); err != nil {
			t.Errorf("what it started is over too: %v", err)
		}
	}
	one.finish()
}

// spawn starts a program that goes on when this process is dead.
func spawn(how string) (int, error) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return 0, err
	}
	if how == "raw" {
		return syscall.ForkExec(sleep, []string{"sleep", "60"}, &syscall.ProcAttr{})
	}
	cmd := exec.Command(sleep, "60")
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}
