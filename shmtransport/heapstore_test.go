package shmtransport

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
)

// heapStore is a store and its view in private memory, in which the race detector and the fuzzer see every access.
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
		return 0, nil, &errdefs.SpaceError{Path: "heap", Needed: n, Available: s.limit - s.size}
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

// punchHole clears the bytes, as the kernel does, so that tests notice a late read.
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
