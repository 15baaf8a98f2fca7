package shm

import (
	"errors"
	"fmt"
)

// ErrUnsupported says that this operating system has no shared memory that shmbus can use.
var ErrUnsupported = errors.New("shmbus needs Linux (tmpfs, futex and open-file-description locks)")

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
