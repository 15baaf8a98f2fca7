package shmtransport

import (
	"context"
	"runtime"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

const (
	// defaultSpin is how long a wait looks by itself before it sleeps: several times what a wake-up costs.
	defaultSpin = 20 * time.Microsecond
	// holdFor is how long a wait keeps its processor, in naps of holdNap, before it sleeps like any goroutine. Keeping it
	// halves the time to wake up; see docs/rationale.md.
	holdFor = 10 * time.Millisecond
	holdNap = 2 * time.Millisecond
	// longNap bounds an ordinary sleep. Nothing depends on it but what a lost wake-up would cost.
	longNap = time.Second
	// crowdNap bounds a sleep when there are more publishers than one system call can wait for.
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
	began := time.Now()
	for {
		if r.closed.Load() || r.wake.Load() != wake {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		ready, err := r.sleep(wake, time.Since(began) < holdFor)
		if ready || err != nil {
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

// spin looks for a while without sleeping and reports whether something came.
func (r *Reader) spin(ctx context.Context) bool {
	if r.opts.Spin <= 0 || runtime.GOMAXPROCS(0) == 1 {
		return r.anyWaiting()
	}
	began := r.clock.Now()
	for {
		for range 64 {
			if r.anyWaiting() {
				return true
			}
		}
		if r.closed.Load() || ctx.Err() != nil || r.clock.Now()-began > int64(r.opts.Spin) {
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
	return false
}

// sleep arms every link, looks once more, and sleeps until a bell rings. The bells' values are read before the links are
// armed, so a publisher that sees us armed changes a value that we compare.
func (r *Reader) sleep(wake uint32, hold bool) (ready bool, err error) {
	links := *r.links.Load()
	nap := longNap
	r.futex.Reset()
	r.futex.Add(&r.wake, wake)
	for _, l := range links {
		if !r.futex.Add(l.bell, l.bell.Load()) {
			nap = crowdNap
			break
		}
	}
	r.epoch++
	if r.epoch == 0 {
		r.epoch = 1
	}
	for _, l := range links {
		l.armed.Store(r.epoch)
	}
	if r.anyWaiting() {
		ready = true
	} else if hold && r.waits.tryHold() {
		err = r.futex.WaitHolding(min(nap, holdNap))
		r.waits.letGo()
		ready = r.anyWaiting()
	} else {
		err = r.waits.sleep(r, nap)
		ready = r.anyWaiting()
	}
	for _, l := range links {
		l.armed.Store(0)
	}
	return ready, err
}

// tryHold allows a wait that keeps its processor while at least one other stays free for the rest of the process.
func (w *Waits) tryHold() bool {
	if int(w.holding.Add(1)) < runtime.GOMAXPROCS(0) {
		return true
	}
	w.holding.Add(-1)
	return false
}

func (w *Waits) letGo() { w.holding.Add(-1) }

// sleep blocks a thread while few of the process do, and parks otherwise.
func (w *Waits) sleep(r *Reader, nap time.Duration) error {
	if w.direct.Add(1) <= directSleeps || r.futex.Len() == futex.MaxWords {
		defer w.direct.Add(-1)
		return r.futex.Wait(nap)
	}
	w.direct.Add(-1)
	if r.parking == nil {
		r.parking = newParking(r.futex)
	}
	w.lot.park(r.parking, nap)
	return nil
}
