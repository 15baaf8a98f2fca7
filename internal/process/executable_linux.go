package process

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// ExecutableOf asks the kernel for the path of the program that the process with that pid and start time runs. Only who may trace the
// process is told: root, and mostly the same user.
func ExecutableOf(pid int, startTime uint64) (string, error) {
	path, err := executable(pid)
	if err != nil {
		return "", err
	}
	return path, isRunning(pid, startTime) // the pid may have gone to another before the link was read
}

// Executable is ExecutableOf for the process that is watched.
func (e *Exit) Executable() (string, error) {
	path, err := executable(e.pid)
	if err != nil {
		return "", err
	}
	if over, err := e.ended(); err != nil || over { // while it has not, no other process has its pid
		return "", errors.Join(fmt.Errorf("process %d has ended", e.pid), err)
	}
	return path, nil
}

func executable(pid int) (string, error) {
	link := fmt.Sprintf("/proc/%d/exe", pid)
	var room [4096]byte // the longest path that the kernel gives is one byte less
	n, err := unix.Readlink(link, room[:])
	if err != nil {
		return "", fmt.Errorf("read the executable of process %d: %s: %w", pid, link, err)
	}
	return strings.TrimSuffix(string(room[:n]), " (deleted)"), nil // as os.Executable does
}
