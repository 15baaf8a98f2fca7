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
	// maxSleep bounds a sleep, at whose end the bells are compared again. It limits the effect of a ring that the kernel
	// does not pass on, which should not happen.
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
		// needsPrune may have been set, with a call of Wake, before wake was loaded.
		if r.closed.Load() || r.needsPrune.Load() || r.wake.Load() != wake {
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
		return false // sleep checks too
	}
	if r.adaptiveSpin && r.failedSpins >= maxFailedSpins {
		if r.failedSpins++; r.failedSpins < 2*maxFailedSpins {
			return false
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

// sleep arms every link, checks all once more, and sleeps until a link has something or Wake was called. New links are armed
// meanwhile; no link is removed, because the caller has the lock. After the first check only links whose bell changed are
// checked, so a wake-up costs little beside many links.
func (r *Reader) sleep() (ready bool, err error) {
	p := &r.waiter
	p.bells.Reset()
	p.seenGrown = r.grown.Load() // before the links
	links := *r.links.Load()
	r.nextEpoch()
	r.arm(links)
	if ready = r.anyReady(); !ready {
		failpoint.At("sleep.look")
	}
	for !ready && err == nil && r.wake.Load() == p.seenWake {
		err = r.waitSet.wait(p)
		failpoint.At("sleep.wait")
		ready = r.anyRang(links)
		if grown := r.grown.Load(); grown != p.seenGrown {
			p.seenGrown = grown
			p.warmUntil = r.clock.Now() + int64(warmTime)
			known := len(links)
			links = *r.links.Load()
			r.arm(links[known:])
			for _, l := range links[known:] {
				l.tryBegin() // an unchecked link counts as ready
				ready = ready || l.isReady()
			}
		}
	}
	for _, l := range links {
		l.armed.Store(0)
	}
	failpoint.At("sleep.disarm")
	return ready, err
}

func (r *Reader) nextEpoch() {
	if r.epoch++; r.epoch == 0 {
		r.epoch = 1
	}
}

// arm arms links. The bells are loaded before, so a publisher that sees an armed link changes a value that the sleep compares.
func (r *Reader) arm(links []*Link) {
	for _, l := range links {
		r.waiter.bells.Add(l.bell, l.bell.Load())
	}
	failpoint.At("sleep.bells")
	for _, l := range links {
		l.armed.Store(r.epoch)
		l.wakePublisher() // the publisher may have begun to wait after the cursor was stored
	}
	failpoint.At("sleep.arm")
}

// anyRang reports whether a link whose bell changed has something, and lets poll begin with that link. A publisher rings once
// for each number that a link is armed with, so these links are armed with another number.
func (r *Reader) anyRang(links []*Link) (ready bool) {
	first := true
	for i := range r.waiter.bells.Changes() {
		if first {
			r.nextEpoch()
			first = false
		}
		l := links[i]
		l.armed.Store(r.epoch)
		l.tryBegin()
		if !ready && l.isReady() {
			ready, r.nextLink = true, i
		}
	}
	return ready
}
