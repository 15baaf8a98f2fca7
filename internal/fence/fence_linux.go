// Package fence has an asymmetric fence between processes. Two processes that each store a word and then load the other's word
// need a full fence in between, or both may load the old value. With an asymmetric fence the frequent side needs none: its
// process is registered once, and the rare side issues the heavy fence, which acts as a full fence on every processor that
// executes a registered process.
//
// The heavy fence is membarrier(2) with MEMBARRIER_CMD_GLOBAL_EXPEDITED, in Linux since 4.16. It costs about a microsecond, and an
// interrupt of each processor that executes a registered process at that moment.
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
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, globalExpedited, 0, 0)
	return result(errno)
}

func result(errno unix.Errno) error {
	if errno != 0 {
		return os.NewSyscallError("membarrier", errno)
	}
	return nil
}
