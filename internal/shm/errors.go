package shm

import (
	"errors"
	"io/fs"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// ErrUnsupported says that this operating system has no shared memory that shmbus can use.
const ErrUnsupported = errdefs.Unsupported("shmbus needs Linux (tmpfs, futex and open-file-description locks)")

// ErrLocked says that another open of a file holds its lock.
var ErrLocked = errors.New("it is locked by a program that uses it")

// SortOf names the kind of a file for an error text.
func SortOf(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "directory"
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}
