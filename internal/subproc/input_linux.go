package subproc

import (
	"os"
	"syscall"
)

// Input is the process's standard input, for Play. Waiting for its end takes no thread, which would be one of those that are
// counted.
func Input() *os.File {
	if err := syscall.SetNonblock(syscall.Stdin, true); err != nil {
		return os.Stdin
	}
	return os.NewFile(uintptr(syscall.Stdin), os.Stdin.Name())
}
