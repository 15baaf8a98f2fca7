package shmtransport

import (
	"context"
	"runtime"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
)

const (
	// defaultSpin is how long a wait looks by itself before it sleeps: several times what a wake-up costs.
	defaultSpin = 20 * time.Microsecond
	// maxFailedSpins is how many looks in a row may find nothing before a wait does without them, and how many waits do without
	// before one tries again.
	maxFailedSpins = 16
	// maxSleep bounds a sleep. Nothing depends on it but what a lost wake-up would cost.
	maxSleep = time.Minute
	// maxExposedSleep bounds a sleep on a bell that members of a group may open. One of them can move the sleeper to another word, where
	// nothing wakes it.
	maxExposedSleep = time.Second
	// maxPartialSleep bounds a sleep that does not hear of everything.
	maxPartialSleep = time.Millisecond
)

// awaitSample returns when a link has something, when Wake was called, or with ctx's error; it may return early. Called with the
// turn.
func (r *Reader) awaitSample(ctx context.Context) error {
	if r.spin(ctx) {
		return nil
	}
	wake := r.wake.Load()
	r.wakeOnDone(ctx)
	p := &r.waiter
	p.seenWake = wake
	p.warmUntil = r.clock.Now() + int64(warmTime)
	for {
		if r.closed.Load() || r.wake.Load() != wake {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if ready, err := r.sleep(); ready || err != nil {
			return err
		}
	}
}

// wakeOnDone arranges that the end of ctx wakes the reader. That takes memory, so it is kept for the next wait, which mostly has
// the same ctx. Called with the turn.
func (r *Reader) wakeOnDone(ctx context.Context) {
	if r.wakeDone == ctx.Done() {
		return
	}
	r.cancelWakeOnDone()
	if ctx.Done() != nil {
		r.wakeDone, r.stopWakeOnDone = ctx.Done(), context.AfterFunc(ctx, r.Wake)
	}
}

func (r *Reader) cancelWakeOnDone() {
	if r.stopWakeOnDone != nil {
		r.stopWakeOnDone()
	}
	r.wakeDone, r.stopWakeOnDone = nil, nil
}

// Wake makes a Receive that sleeps look again.
func (r *Reader) Wake() {
	r.wake.Add(1)
	futex.Wake(&r.wake) // for AwaitConnected
	r.waiter.wakeUp()
}

// spin looks for a while without sleeping and reports whether something came. Unless the application said how long, it is
// given up while it is in vain: samples that come one by one are not worth a processor.
func (r *Reader) spin(ctx context.Context) bool {
	if r.opts.Spin <= 0 || runtime.GOMAXPROCS(0) == 1 {
		return r.anyReady()
	}
	if r.adaptiveSpin && r.failedSpins >= maxFailedSpins {
		if r.failedSpins++; r.failedSpins < 2*maxFailedSpins {
			return r.anyReady()
		}
		r.failedSpins = maxFailedSpins - 1
	}
	began := r.clock.Now()
	for {
		for range max(1, 64/max(1, len(*r.links.Load()))) {
			if r.anyReady() {
				r.failedSpins = 0
				return true
			}
		}
		if r.closed.Load() || ctx.Err() != nil || r.clock.Now()-began > int64(r.opts.Spin) {
			r.failedSpins++
			return false
		}
		runtime.Gosched()
	}
}

func (r *Reader) anyReady() bool {
	for _, l := range *r.links.Load() {
		if l.isReady() {
			return true
		}
	}
	for _, l := range r.ended {
		if l.isReady() {
			return true
		}
	}
	return false
}

// sleep arms every link, looks once more, and sleeps until a bell rings. The bells' values are read before the links are
// armed, so a publisher that sees us armed changes a value that we compare.
func (r *Reader) sleep() (ready bool, err error) {
	links := *r.links.Load()
	p := &r.waiter
	p.bells.Reset()
	for _, l := range links {
		p.bells.Add(l.bell, l.bell.Load())
	}
	failpoint.At("sleep.bells")
	r.epoch++
	if r.epoch == 0 {
		r.epoch = 1
	}
	for _, l := range links {
		l.armed.Store(r.epoch)
		l.wakePublisher() // it may not have been seen to wait when the cursor was stored
	}
	failpoint.At("sleep.arm")
	if ready = r.anyReady(); !ready {
		failpoint.At("sleep.look")
		for again := true; again && err == nil && !ready; {
			again, err = r.waitSet.wait(p)
			failpoint.At("sleep.wait")
			ready = r.anyReady()
		}
	}
	for _, l := range links {
		l.armed.Store(0)
	}
	failpoint.At("sleep.disarm")
	return ready, err
}
