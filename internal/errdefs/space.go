package errdefs

import (
	"errors"
	"fmt"
	"syscall"
)

// A SpaceError says that the file system of the domain has no room. Nothing was allocated.
type SpaceError struct {
	Path      string // the directory or file that was to grow
	Needed    int64  // bytes
	Available int64  // bytes free on that file system; 0 where that is not known
	Files     bool   // the file system has bytes left and takes no further file (inode)
	Err       error  // the kernel's answer
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

// A MemoryError says that this process may map no more shared memory. The mapped file is not at fault. Nothing was
// allocated.
type MemoryError struct {
	Path      string // the file that was to be mapped
	Needed    int64  // bytes of address space
	Available int64  // bytes of address space below this process's limit (ulimit -v); -1 without a limit
	Maps      int64  // mappings of this process
	MaxMaps   int64  // limit of Maps (vm.max_map_count); 0 where that is not known
	Err       error  // the kernel's answer
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

// Explain adds the remedy to an error of the operating system, where one is known.
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

// IsLocalShortage reports whether err says that this process or the system is short of descriptors, memory or address
// space. No other process is at fault, and a later attempt may succeed.
func IsLocalShortage(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM) ||
		errors.As(err, new(*MemoryError))
}
