package shmtransport

import (
	"sync"
	"time"
)

// statsDelay is how soon after a sample was taken or released the figures in shared memory tell. Each wait for it covers all
// samples of all Readers in that time, and nothing waits while none is taken or released.
const statsDelay = 10 * time.Millisecond

// staleStats are the Readers of a participant whose figures in shared memory changed since they were counted. Any goroutine may
// release a sample, and the memory goes when the Reader closes, so no release writes there; that is left to a timer.
type staleStats struct {
	mu    sync.Mutex
	first *Reader // the others follow by nextStale
	timer *time.Timer
}

// statsChanged notes that a figure changed that update counts. The change itself comes first. This is all that a release costs while
// the figures are to be counted anyway.
func (r *Reader) statsChanged() {
	if !r.statsStale.Load() {
		r.waitSet.staleStats.add(r)
	}
}

func (f *staleStats) add(r *Reader) {
	if !r.statsStale.CompareAndSwap(false, true) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	alone := f.first == nil
	f.first, r.nextStale = r, f.first
	switch {
	case !alone: // the timer runs
	case f.timer == nil:
		f.timer = time.AfterFunc(statsDelay, f.update)
	default:
		f.timer.Reset(statsDelay)
	}
}

func (f *staleStats) update() {
	f.mu.Lock()
	r := f.first
	f.first = nil
	f.mu.Unlock()
	for r != nil {
		next := r.nextStale
		r.nextStale = nil
		r.statsStale.Store(false) // what changes from here on is counted once more
		r.mu.Lock()
		r.updateStats()
		r.mu.Unlock()
		r = next
	}
}
