package shmtransport

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A store is the memory a publisher's ring lives in. The ring itself does not care whether others can see it.
type store interface {
	// grow adds n bytes (whole pages, see roundToPage) at the end and returns where they are.
	grow(n int64) (off int64, b []byte, err error)
	// punchHole frees the memory of what grow returned, whose bytes must not be touched until fillHole has reserved it again.
	punchHole(off, n int64) error
	fillHole(off, n int64) error
	// bell is the word on which readers of the ring sleep.
	bell() *atomic.Uint32
	// close takes the memory out of this process; nothing of it may be touched afterwards.
	close() error
}

// A view is somebody else's store, for reading only.
type view interface {
	// window returns n bytes at off, or an error when the store does not have them.
	window(off int64, n int) ([]byte, error)
	// readAt copies len(p) bytes at off, which the owner may be writing, to p.
	readAt(p []byte, off int64) error
	// bell is the store's, or a word that never changes where nobody rings.
	bell() *atomic.Uint32
	// backed is how many bytes of memory the store takes, which its owner cannot lie about.
	backed() (int64, error)
	// name says what it is, for errors.
	name() string
	// isFault reports whether what recover returned is a fault in a window, which the owner of a file may have cut away.
	isFault(recovered any) bool
	close() error
}

// fileStore is a store that other processes can open.
type fileStore struct {
	file     *shm.File
	bellWord *atomic.Uint32 // in the participant's WakeFile
	size     int64
	maps     []*shm.Mapping
}

// newFileStore makes a file without a name, of the given group if that is positive.
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
			s.file.Cut(off) // a disk keeps the part that it had room for, and a mapping may fail after the room was found
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

// fileView is a view of another process's fileStore, or of one in this process through the same door.
type fileView struct {
	file     *shm.File
	bellWord *atomic.Uint32
	wakeMap  *wakeMap   // in which wake is; nil where nobody rings
	mu       sync.Mutex // guards maps: whoever reads a payload may ask while another arena is mapped
	maps     []*shm.Mapping
}

func openFileView(path string) (*fileView, error) {
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	return &fileView{file: f, bellWord: new(atomic.Uint32)}, nil
}

// useBell makes the bell of a publisher the view's, which releases the mapping of the wake file when it is closed.
func (v *fileView) useBell(m *wakeMap, number uint32) { v.wakeMap, v.bellWord = m, m.bell(number) }

func (v *fileView) bell() *atomic.Uint32 { return v.bellWord }

func (v *fileView) window(off int64, n int) ([]byte, error) {
	// All of it was reserved once, so more than the whole file system is a lie, however long the file is.
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

// heapStore is a store and its view in one: private memory, so that the race detector and the fuzzer see every access.
type heapStore struct {
	mu       sync.Mutex
	chunks   []heapChunk
	size     int64
	limit    int64 // grow fails beyond it; 0 = no limit
	bellWord atomic.Uint32
}

type heapChunk struct {
	off int64
	b   []byte
}

func (s *heapStore) grow(n int64) (int64, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit > 0 && s.size+n > s.limit {
		return 0, nil, &shm.SpaceError{Path: "heap", Needed: n, Available: s.limit - s.size}
	}
	p := heapChunk{off: s.size, b: mem.Alloc(int(n))}
	s.chunks = append(s.chunks, p)
	s.size += n
	return p.off, p.b, nil
}

func (s *heapStore) window(off int64, n int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.chunks {
		if off >= p.off && n >= 0 && off+int64(n) <= p.off+int64(len(p.b)) {
			return p.b[off-p.off:][:n:n], nil
		}
	}
	return nil, fmt.Errorf("no [%d, +%d) on this heap", off, n)
}

func (s *heapStore) readAt(p []byte, off int64) error {
	b, err := s.window(off, len(p))
	if err == nil {
		copy(p, b)
	}
	return err
}

// punchHole clears the bytes, as the kernel does, so that whoever still reads them is found out.
func (s *heapStore) punchHole(off, n int64) error {
	b, err := s.window(off, int(n))
	clear(b)
	return err
}

func (s *heapStore) fillHole(int64, int64) error { return nil }

func (s *heapStore) backed() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size, nil
}

func (s *heapStore) bell() *atomic.Uint32 { return &s.bellWord }
func (s *heapStore) name() string         { return "heap" }
func (s *heapStore) isFault(any) bool     { return false }
func (s *heapStore) close() error         { return nil }

// roundToPage returns the number of bytes of the whole pages that hold n.
func roundToPage(n int64) int64 {
	page := int64(shm.PageSize())
	return (n + page - 1) / page * page
}
