package shmtransport

import (
	"context"
	"runtime"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
)

const (
	// defaultSpin is the time that a wait polls before it sleeps: several times the cost of a wake-up.
	defaultSpin = 20 * time.Microsecond
	// maxFailedSpins is the number of polls in a row without a sample after which waits skip polling, and the number
	// of waits that skip it before one tries again.
	maxFailedSpins = 16
	// maxSleep bounds a sleep. It limits the effect of a lost wake-up, which should not happen.
	maxSleep = time.Minute
	// maxExposedSleep bounds a sleep on a bell that members of a group may open. Such a process can move the sleeper
	// to another word, where it is not woken.
	maxExposedSleep = time.Second
	// maxPartialSleep bounds a sleep that does not cover all bells.
	maxPartialSleep = time.Millisecond
)

// awaitSample returns when a link has something to take, when Wake was called, or with ctx's error. It may return
// early. Called with the lock.
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

// wakeOnDone makes the end of ctx wake the Reader. That allocates memory, so it is kept for the next wait, which
// usually has the same ctx. Called with the lock.
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

// Wake makes a sleeping Receive check again.
func (r *Reader) Wake() {
	r.wake.Add(1)
	futex.Wake(&r.wake) // for AwaitConnected
	r.waiter.wakeUp()
}

// spin polls for a while without sleeping and reports whether something came. Unless the application set the time,
// polling is skipped while it has no success, because samples at long intervals are not worth a processor.
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

// sleep arms every link, checks all once more, and sleeps until a bell rings. The bells are loaded before the links are
// armed, so a publisher that sees an armed link changes a value that the sleep compares.
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
		l.wakePublisher() // the publisher may have begun to wait after the cursor was stored
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
