package shmtransport

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A store is the memory of a publisher's ring. It may be shared with other processes or private.
type store interface {
	// grow adds n bytes (whole pages, see roundToPage) at the end and returns their offset and memory.
	grow(n int64) (off int64, b []byte, err error)
	// punchHole frees memory that grow returned. The bytes must not be touched until fillHole has reserved memory for
	// them again.
	punchHole(off, n int64) error
	fillHole(off, n int64) error
	// bell is the word on which readers of the ring sleep.
	bell() *atomic.Uint32
	// close unmaps the memory. The store must not be used afterwards.
	close() error
}

// A view is the read-only side of a store that another process may own.
type view interface {
	// window returns n bytes at off, or an error if the store is too short.
	window(off int64, n int) ([]byte, error)
	// readAt copies len(p) bytes at off to p. The owner may be writing them meanwhile.
	readAt(p []byte, off int64) error
	// bell is the store's bell. A passive view has a word that never changes instead.
	bell() *atomic.Uint32
	// backed is the number of bytes of memory that the store takes, as the kernel counts them.
	backed() (int64, error)
	// name identifies the store in errors.
	name() string
	// isFault reports whether the recovered value is a fault in a window, which the owner of a file causes by
	// truncating it.
	isFault(recovered any) bool
	close() error
}

// fileStore is a store in a file that other processes can open.
type fileStore struct {
	file     *shm.File
	bellWord *atomic.Uint32 // in the participant's WakeFile
	size     int64
	maps     []*shm.Mapping
}

// newFileStore makes a file without a name. It belongs to group if that is positive.
func newFileStore(dir string, mode fs.FileMode, group int, bell *atomic.Uint32) (*fileStore, error) {
	f, err := shm.Create(dir, 0, mode)
	if err != nil {
		return nil, err
	}
	if group > 0 {
		if err := f.SetGroup(group); err != nil {
			f.Close()
			return nil, err
		}
	}
	return &fileStore{file: f, bellWord: bell}, nil
}

func (s *fileStore) grow(n int64) (_ int64, _ []byte, err error) {
	off := s.size
	defer func() {
		if err != nil {
			s.file.Cut(off) // a disk keeps a partial reservation, and the mapping may fail after it
		}
	}()
	if err := s.file.Reserve(off, n); err != nil {
		return 0, nil, err
	}
	m, err := s.file.Map(off, int(n), true)
	if err != nil {
		return 0, nil, err
	}
	s.size += n
	s.maps = append(s.maps, m)
	return off, m.Bytes(), nil
}

func (s *fileStore) punchHole(off, n int64) error { return s.file.Release(off, n) }
func (s *fileStore) bell() *atomic.Uint32         { return s.bellWord }
func (s *fileStore) close() error                 { return closeMapped(s.file, s.maps) }

func (s *fileStore) fillHole(off, n int64) error {
	err := s.file.Reserve(off, n)
	if err != nil {
		s.file.Release(off, n) // as in grow
	}
	return err
}

// fileView is a view of a fileStore, usually of another process.
type fileView struct {
	file     *shm.File
	bellWord *atomic.Uint32
	wakeMap  *wakeMap   // the mapping that holds bellWord; nil in a passive view
	mu       sync.Mutex // guards maps: one goroutine may read a payload while another maps an arena
	maps     []*shm.Mapping
}

func openFileView(path string) (*fileView, error) {
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	return &fileView{file: f, bellWord: new(atomic.Uint32)}, nil
}

// useBell makes the bell of a publisher the view's. The view releases the wakeMap when it is closed.
func (v *fileView) useBell(m *wakeMap, number uint32) { v.wakeMap, v.bellWord = m, m.bell(number) }

func (v *fileView) bell() *atomic.Uint32 { return v.bellWord }

func (v *fileView) window(off int64, n int) ([]byte, error) {
	// The owner reserved all of the file once, so a range larger than the whole file system cannot be valid, whatever
	// the file's length.
	room, err := v.file.Capacity()
	if err != nil {
		return nil, err
	}
	if room > 0 && int64(n) > room {
		return nil, fmt.Errorf("[%d, +%d) is more than the %d bytes of the whole file system", off, n, room)
	}
	m, err := v.file.Map(off, n, false)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.maps = append(v.maps, m)
	return m.Bytes(), nil
}

func (v *fileView) readAt(p []byte, off int64) error {
	_, err := v.file.ReadAt(p, off)
	return err
}

func (v *fileView) backed() (int64, error) { return v.file.Backed() }

func (v *fileView) name() string { return v.file.Path() }

func (v *fileView) isFault(recovered any) bool {
	if v.wakeMap != nil && sigbus.In(recovered, v.wakeMap.m.Bytes()) {
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(v.maps, func(m *shm.Mapping) bool { return sigbus.In(recovered, m.Bytes()) })
}

func (v *fileView) close() error {
	return errors.Join(closeMapped(v.file, v.maps), v.wakeMap.release())
}

func closeMapped(f *shm.File, maps []*shm.Mapping) error {
	var first error
	for _, m := range maps {
		if err := m.Unmap(); err != nil && first == nil {
			first = err
		}
	}
	if err := f.Close(); err != nil && first == nil {
		first = err
	}
	return first
}

// roundToPage returns n rounded up to whole pages.
func roundToPage(n int64) int64 {
	page := int64(shm.PageSize())
	return (n + page - 1) / page * page
}
