package shm

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// TryLockRange takes the open-file-description lock of n places from off on, which may lie beyond the end of the file. It reports false
// at once when another open of the file holds one of them. The file must be open for writing. The kernel frees the places when the open
// file is closed, also by the end of the process.
func (s *File) TryLockRange(off, n int64) (bool, error) {
	err := s.setLock(unix.F_WRLCK, off, n)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock places of %s: %w", s.path, err)
	}
	return true, nil
}

// UnlockRange frees n places from off on.
func (s *File) UnlockRange(off, n int64) error {
	if err := s.setLock(unix.F_UNLCK, off, n); err != nil {
		return fmt.Errorf("unlock places of %s: %w", s.path, err)
	}
	return nil
}

// LockedIn returns some range in the n places from off on that another open of the file holds for writing; length 0 if there is none. It
// may begin before off and end after off+n.
func (s *File) LockedIn(off, n int64) (at, length int64, err error) {
	lk := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart, Start: off, Len: n}
	if err := unix.FcntlFlock(uintptr(s.fd()), unix.F_OFD_GETLK, &lk); err != nil {
		return 0, 0, fmt.Errorf("ask for the locks of %s: %w", s.path, err)
	}
	switch {
	case lk.Type == unix.F_UNLCK:
		return 0, 0, nil
	case lk.Len == 0: // up to the greatest place
		return lk.Start, off + n - lk.Start, nil
	}
	return lk.Start, lk.Len, nil
}

func (s *File) setLock(kind int16, off, n int64) error {
	lk := unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: off, Len: n}
	return unix.FcntlFlock(uintptr(s.fd()), unix.F_OFD_SETLK, &lk)
}
