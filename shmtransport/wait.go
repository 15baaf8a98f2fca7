package shmtransport

import (
	"context"
	"runtime"
	"slices"
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
		return false // sleep looks too
	}
	if r.mayRest && r.vain >= vainSpins {
		if r.vain++; r.vain < 2*vainSpins {
			return false
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

// sleep arms every link, looks once more, and sleeps until a link has something or Wake was called. Links that come meanwhile
// are armed too; no link goes, because the caller has the turn. After the first look only links whose bell rang are looked at,
// so a wake-up costs little beside many links.
func (r *Reader) sleep() (ready bool, err error) {
	p := &r.parking
	p.bells.Reset()
	p.grown = r.grown.Load() // before the links
	links := *r.links.Load()
	r.nextEpoch()
	r.listen(links)
	if ready = r.anyWaiting(); !ready {
		failpoint.At("sleep.look")
	}
	for !ready && err == nil && r.wake.Load() == p.wake {
		err = r.waits.wait(p)
		failpoint.At("sleep.wait")
		ready = r.anyRang(links)
		if grown := r.grown.Load(); grown != p.grown {
			p.grown = grown
			p.warmUntil = r.clock.Now() + int64(stayWarm)
			known := len(links)
			links = *r.links.Load()
			r.listen(links[known:])
			ready = ready || slices.ContainsFunc(links[known:], (*Link).waiting)
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

// listen arms links. The bells' values are read before, so a publisher that sees a link armed changes a value that is
// compared.
func (r *Reader) listen(links []*Link) {
	p := &r.parking
	for _, l := range links {
		p.bells.Add(l.bell, l.bell.Load())
	}
	failpoint.At("sleep.bells")
	for _, l := range links {
		l.armed.Store(r.epoch)
		l.wakePublisher() // it may not have been seen to wait when the cursor was stored
	}
	failpoint.At("sleep.arm")
}

// anyRang reports whether a link whose bell rang has something, and lets poll begin with that link. A publisher rings once for
// each number that a link is armed with, so these links are armed with another.
func (r *Reader) anyRang(links []*Link) (ready bool) {
	p := &r.parking
	fresh := false
	for i := range p.bells.Changes() {
		if !fresh {
			r.nextEpoch()
			fresh = true
		}
		l := links[i]
		l.armed.Store(r.epoch)
		l.tryConnect()
		if l.waiting() && !ready {
			ready, r.next = true, i
		}
	}
	return ready
}
