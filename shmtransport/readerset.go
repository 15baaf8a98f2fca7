package shmtransport

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/shmtransport/internal/waitset"
)

// A ReaderSet is the state that all Readers of a participant share: how they wait, their budget of mapped memory, and
// the timer of their statistics. The zero value is ready to use.
type ReaderSet struct {
	waits      waitset.Set
	staleStats staleStats

	mappedBytes  atomic.Int64 // bytes of slots that the Readers have mapped
	mappedArenas atomic.Int64 // number of arenas that the Readers have mapped
}

// statsDelay is the delay of the shared statistics after a sample is taken or released. One timer covers all samples of
// all Readers within the delay. No timer runs while no sample is taken or released.
const statsDelay = 10 * time.Millisecond

// staleStats is the list of a participant's Readers whose shared statistics are out of date. A release may run on any
// goroutine, and the shared memory may be unmapped when the Reader closes, so a release does not write there but leaves
// it to a timer.
type staleStats struct {
	mu    sync.Mutex
	first *Reader // linked by nextStale
	timer *time.Timer
}

// statsChanged records a change of a value that updateStats counts. The change itself comes first. While an update is
// pending this is the whole cost of a release.
func (r *Reader) statsChanged() {
	if !r.statsStale.Load() {
		r.set.staleStats.add(r)
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

// updateNow spares the timer, for a Reader that has a timer of its own.
func (f *staleStats) updateNow() {
	f.mu.Lock()
	pending := f.first != nil && f.timer.Stop()
	f.mu.Unlock()
	if pending {
		f.update()
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
		r.statsStale.Store(false) // later changes cause another update
		r.mu.Lock()
		r.updateStats()
		r.mu.Unlock()
		r = next
	}
}
