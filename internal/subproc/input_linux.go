package subproc

import (
	"os"
	"syscall"
)

// Input is the process's standard input, for Serve. Waiting for its end takes no thread, because threads are counted.
func Input() *os.File {
	if err := syscall.SetNonblock(syscall.Stdin, true); err != nil {
		return os.Stdin
	}
	return os.NewFile(uintptr(syscall.Stdin), os.Stdin.Name())
}
