package shm

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrUnsupported says that this operating system has no shared memory that shmbus can use.
var ErrUnsupported = errors.New("shmbus needs Linux (tmpfs, futex and open-file-description locks)")

// ErrLocked says that another open of a file holds its lock.
var ErrLocked = errors.New("it is locked by a program that uses it")

// Explain adds to an error of the operating system what would help, where that is known.
func Explain(err error) error {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("%w; raise this process's limit (ulimit -n, or LimitNOFILE= in its systemd unit)", err)
	case errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("%w; raise the system's limit (sysctl fs.file-max)", err)
	}
	return err
}

// A SpaceError says that the file system of the domain cannot hold what was asked for. Nothing was taken.
type SpaceError struct {
	Path      string // the directory or file that was to grow
	Needed    int64  // bytes
	Available int64  // bytes free on that file system, as far as it says
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("no space at %s: %d bytes needed, %d available; free some (shmmon clean, fewer or smaller slots) or enlarge the file system",
		e.Path, e.Needed, e.Available)
}
