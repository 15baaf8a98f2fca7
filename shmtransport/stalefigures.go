package shmtransport

import (
	"sync"
	"time"
)

// figuresDelay is how soon after a sample was taken or released the figures in shared memory tell. Each wait for it covers all
// samples of all Readers in that time, and nothing waits while none is taken or released.
const figuresDelay = 10 * time.Millisecond

// staleFigures are the Readers of a participant whose figures in shared memory changed since they were counted. Any goroutine may
// release a sample, and the memory goes when the Reader closes, so no release writes there; that is left to a timer.
type staleFigures struct {
	mu      sync.Mutex
	readers []*Reader
	spare   []*Reader // the array of readers while it is not in use
	timer   *time.Timer
}

// changed notes that a figure changed that countUp counts. The change itself comes first. This is all that a release costs while
// the figures are to be counted anyway.
func (r *Reader) changed() {
	if !r.stale.Load() {
		r.waits.stale.add(r)
	}
}

func (f *staleFigures) add(r *Reader) {
	if !r.stale.CompareAndSwap(false, true) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers = append(f.readers, r)
	switch {
	case len(f.readers) > 1: // the timer runs
	case f.timer == nil:
		f.timer = time.AfterFunc(figuresDelay, f.countUp)
	default:
		f.timer.Reset(figuresDelay)
	}
}

func (f *staleFigures) countUp() {
	f.mu.Lock()
	readers := f.readers
	f.readers, f.spare = f.spare, nil
	f.mu.Unlock()
	for _, r := range readers {
		r.stale.Store(false) // what changes from here on is counted once more
		r.mu.Lock()
		r.countUp()
		r.mu.Unlock()
	}
	clear(readers)
	f.mu.Lock()
	f.spare = readers[:0]
	f.mu.Unlock()
}
