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
	mu    sync.Mutex
	first *Reader // the others follow by nextStale
	timer *time.Timer
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
	alone := f.first == nil
	f.first, r.nextStale = r, f.first
	switch {
	case !alone: // the timer runs
	case f.timer == nil:
		f.timer = time.AfterFunc(figuresDelay, f.countUp)
	default:
		f.timer.Reset(figuresDelay)
	}
}

func (f *staleFigures) countUp() {
	f.mu.Lock()
	r := f.first
	f.first = nil
	f.mu.Unlock()
	for r != nil {
		next := r.nextStale
		r.nextStale = nil
		r.stale.Store(false) // what changes from here on is counted once more
		r.mu.Lock()
		r.countUp()
		r.mu.Unlock()
		r = next
	}
}
