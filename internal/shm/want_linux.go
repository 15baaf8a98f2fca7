package shm

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// full turns what the kernel says of a file system, or a quota, that is used up into a *errdefs.SpaceError; other errors stay nil.
func full(path string, needed int64, err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG), errors.Is(err, unix.ENOMEM):
	default:
		return nil
	}
	e := &errdefs.SpaceError{Path: path, Needed: needed, Err: err}
	var st unix.Statfs_t
	if unix.Statfs(path, &st) == nil {
		e.Available = int64(st.Bavail) * int64(st.Bsize)
		e.Files = errors.Is(err, unix.ENOSPC) && st.Files > 0 && st.Ffree == 0
	}
	return e
}

// Full returns a *errdefs.SpaceError if err says that the file system has no room for a new file or directory at path, else err.
func Full(path string, err error) error {
	if space := full(filepath.Dir(path), 0, err); space != nil {
		return space
	}
	return err
}

// InMemory reports whether dir is on a file system that is never written to a disk, as far as that can be told.
func InMemory(dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return true
	}
	return int64(st.Type) == unix.TMPFS_MAGIC || int64(st.Type) == unix.RAMFS_MAGIC
}

// scarce turns what the kernel says of a mapping that this process may not have into a *errdefs.MemoryError; other errors stay nil.
// EAGAIN is a limit of locked memory (mlockall).
func scarce(path string, needed int64, err error) error {
	if !errors.Is(err, unix.ENOMEM) && !errors.Is(err, unix.EAGAIN) {
		return nil
	}
	e := &errdefs.MemoryError{Path: path, Needed: needed, Available: -1, Err: err}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil && limit.Cur != unix.RLIM_INFINITY {
		e.Available = max(0, int64(limit.Cur)-number("/proc/self/statm")*int64(os.Getpagesize()))
	}
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil {
		e.Maps, e.MaxMaps = int64(bytes.Count(maps, []byte{'\n'})), number("/proc/sys/vm/max_map_count")
	}
	return e
}

// number reads the first number of a file of /proc, 0 if there is none.
func number(path string) int64 {
	b, _ := os.ReadFile(path)
	first, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte{' '})
	n, _ := strconv.ParseInt(string(first), 10, 64)
	return n
}
