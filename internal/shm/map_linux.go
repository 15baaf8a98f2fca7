package shm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A Mapping is a stretch of a File in this process's memory.
type Mapping struct {
	b []byte
}

// Map maps n bytes at off for reading, or for writing too. off is rounded to pages by the caller. The range must lie
// inside the file as it is now; the check is made here, because touching a page behind the end is a SIGBUS.
// A *errdefs.MemoryError says that this process may map no more.
func (s *File) Map(off int64, n int, writable bool) (*Mapping, error) {
	size, err := s.Size()
	if err != nil {
		return nil, err
	}
	if off < 0 || n <= 0 || off > size || int64(n) > size-off {
		return nil, fmt.Errorf("map [%d, +%d) of %s: the file has %d bytes", off, n, s.path, size)
	}
	prot := unix.PROT_READ
	if writable {
		prot |= unix.PROT_WRITE
	}
	return s.mmap(off, n, prot)
}

func (s *File) mmap(off int64, n, prot int) (*Mapping, error) {
	b, err := unix.Mmap(s.fd(), off, n, prot, unix.MAP_SHARED)
	if want := scarce(s.path, int64(n), err); want != nil {
		return nil, want
	}
	if err != nil {
		return nil, fmt.Errorf("map [%d, +%d) of %s: %w", off, n, s.path, err)
	}
	return &Mapping{b: b}, nil
}

// MapWhole maps the first n bytes for reading and writing, whether the file has them by now or not. What lies behind its end must
// be reserved before it is touched.
func (s *File) MapWhole(n int) (*Mapping, error) { return s.mmap(0, n, unix.PROT_READ|unix.PROT_WRITE) }

// Bytes returns the mapped memory. It must not be touched after Unmap.
func (m *Mapping) Bytes() []byte { return m.b }

// Unmap takes the memory out of the process. It may be called more than once.
func (m *Mapping) Unmap() error {
	if m == nil || m.b == nil {
		return nil
	}
	b := m.b
	m.b = nil
	return unix.Munmap(b)
}

// PageSize is the granularity of Map's offsets, in bytes.
func PageSize() int { return os.Getpagesize() }
