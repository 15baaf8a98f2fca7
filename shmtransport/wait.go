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
	// vainSpins is how many looks in a row may find nothing before a wait does without them, and how many waits do without
	// before one tries again.
	vainSpins = 16
	// longNap bounds a sleep. Nothing depends on it but what a lost wake-up would cost.
	longNap = time.Minute
	// exposedNap bounds a sleep on a bell that members of a group may open. One of them can move the sleeper to another word, where
	// nothing wakes it.
	exposedNap = time.Second
	// crowdNap bounds a sleep that does not hear of everything.
	crowdNap = time.Millisecond
)

// await returns when a link has something, when Wake was called, or with ctx's error; it may return early. Called with the
// turn.
func (r *Reader) await(ctx context.Context) error {
	if r.spin(ctx) {
		return nil
	}
	wake := r.wake.Load()
	r.watch(ctx)
	p := &r.parking
	p.wake = wake
	p.warmUntil = r.clock.Now() + int64(stayWarm)
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

// watch arranges that the end of ctx wakes the reader. That takes memory, so it is kept for the next wait, which mostly has
// the same ctx. Called with the turn.
func (r *Reader) watch(ctx context.Context) {
	if r.watched == ctx.Done() {
		return
	}
	r.unwatch()
	if ctx.Done() != nil {
		r.watched, r.stopWatch = ctx.Done(), context.AfterFunc(ctx, r.Wake)
	}
}

func (r *Reader) unwatch() {
	if r.stopWatch != nil {
		r.stopWatch()
	}
	r.watched, r.stopWatch = nil, nil
}

// Wake makes a Receive that sleeps look again.
func (r *Reader) Wake() {
	r.wake.Add(1)
	futex.Wake(&r.wake) // for AwaitConnected
	r.parking.call()
}

// spin looks for a while without sleeping and reports whether something came. Unless the application said how long, it is
// given up while it is in vain: samples that come one by one are not worth a processor.
func (r *Reader) spin(ctx context.Context) bool {
	if r.opts.Spin <= 0 || runtime.GOMAXPROCS(0) == 1 {
		return r.anyWaiting()
	}
	if r.mayRest && r.vain >= vainSpins {
		if r.vain++; r.vain < 2*vainSpins {
			return r.anyWaiting()
		}
		r.vain = vainSpins - 1
	}
	began := r.clock.Now()
	for {
		for range max(1, 64/max(1, len(*r.links.Load()))) {
			if r.anyWaiting() {
				r.vain = 0
				return true
			}
		}
		if r.closed.Load() || ctx.Err() != nil || r.clock.Now()-began > int64(r.opts.Spin) {
			r.vain++
			return false
		}
		runtime.Gosched()
	}
}

func (r *Reader) anyWaiting() bool {
	for _, l := range *r.links.Load() {
		if l.waiting() {
			return true
		}
	}
	for _, l := range r.ended {
		if l.waiting() {
			return true
		}
	}
	return false
}

// sleep arms every link, looks once more, and sleeps until a bell rings. The bells' values are read before the links are
// armed, so a publisher that sees us armed changes a value that we compare.
func (r *Reader) sleep() (ready bool, err error) {
	links := *r.links.Load()
	p := &r.parking
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
	if ready = r.anyWaiting(); !ready {
		failpoint.At("sleep.look")
		for again := true; again && err == nil && !ready; {
			again, err = r.waits.wait(p)
			failpoint.At("sleep.wait")
			ready = r.anyWaiting()
		}
	}
	for _, l := range links {
		l.armed.Store(0)
	}
	failpoint.At("sleep.disarm")
	return ready, err
}
