package fence

import (
	"os"

	"golang.org/x/sys/unix"
)

// Commands of membarrier(2), from linux/membarrier.h.
const (
	globalExpedited         = 1 << 1
	registerGlobalExpedited = 1 << 2
)

// Register makes the heavy fences of other processes act on this one, until it ends. The first call of a process takes
// milliseconds, later calls a microsecond. After an error the process must issue full fences of its own.
func Register() error {
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, registerGlobalExpedited, 0, 0)
	return result(errno)
}

// Heavy is a full fence of the calling goroutine, and of every registered process at some moment during the call. After an error
// it was none.
func Heavy() error {
	_, _, errno := unix.RawSyscall(unix.SYS_MEMBARRIER, globalExpedited, 0, 0)
	return result(errno)
}

func result(errno unix.Errno) error {
	if errno != 0 {
		return os.NewSyscallError("membarrier", errno)
	}
	return nil
}
