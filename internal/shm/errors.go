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
	case errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w; raise this process's limit (ulimit -f, or LimitFSIZE= in its systemd unit)", err)
	}
	return err
}

// IsOurWant reports whether err says that this process, or the system, is short of something: descriptors, memory, address
// space. No other process causes it, and the next attempt may succeed.
func IsOurWant(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM) ||
		errors.As(err, new(*MemoryError))
}

// A SpaceError says that the file system of the domain cannot hold what was asked for. Nothing was taken.
type SpaceError struct {
	Path      string // the directory or file that was to grow
	Needed    int64  // bytes
	Available int64  // bytes free on that file system, as far as it says
	Files     bool   // there are bytes, but the file system takes no further file (inode)
	Err       error  // what the kernel said
}

func (e *SpaceError) Error() string {
	if e.Files {
		return fmt.Sprintf("no space at %s for another file, whatever its size: %d bytes needed, %d available; remove files (shmmon clean) or mount with more inodes (nr_inodes=)",
			e.Path, e.Needed, e.Available)
	}
	s := fmt.Sprintf("no space at %s: %d bytes needed, %d available", e.Path, e.Needed, e.Available)
	if e.Err != nil && !errors.Is(e.Err, syscall.ENOSPC) {
		s += " on the file system, and yet: " + Explain(e.Err).Error()
	}
	return s + "; free some (shmmon clean, fewer or smaller slots) or enlarge the file system"
}

func (e *SpaceError) Unwrap() error { return e.Err }

// A MemoryError says that this process may not map what was asked for: the fault is here, and not with the writer of the
// file. Nothing was taken.
type MemoryError struct {
	Path      string // the file that was to be mapped
	Needed    int64  // bytes of address space
	Available int64  // bytes of address space left below this process's limit (ulimit -v); -1 where there is none
	Maps      int64  // mappings of this process, and
	MaxMaps   int64  // how many it may have (vm.max_map_count); 0 where that is not known
	Err       error  // what the kernel said
}

func (e *MemoryError) Error() string {
	s := fmt.Sprintf("no memory to map %s: %d bytes of address space needed", e.Path, e.Needed)
	if e.Available >= 0 {
		s += fmt.Sprintf(", %d available", e.Available)
	}
	if e.MaxMaps > 0 {
		s += fmt.Sprintf(", %d mappings of at most %d in use", e.Maps, e.MaxMaps)
	}
	return fmt.Sprintf("%s: %v; raise this process's limit (ulimit -v, LimitAS=; vm.max_map_count) or connect fewer publishers", s, e.Err)
}

func (e *MemoryError) Unwrap() error { return e.Err }
