package shmtransport

import (
	"context"
	"runtime"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/fence"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/shmtransport/internal/waitset"
)

const (
	// defaultSpin is the time that a wait spins before it sleeps: several times the cost of a wake-up.
	defaultSpin = 20 * time.Microsecond
	// maxFailedSpins is the number of spins in a row without a sample after which waits do not spin, and the number of
	// waits without a spin before one spins again.
	maxFailedSpins = 16
)

// awaitSample returns when a link has something to take, when Wake was called, or with ctx's error. It may return
// early. Called with the lock.
func (r *Reader) awaitSample(ctx context.Context) error {
	if r.spin(ctx) {
		return nil
	}
	wake := r.wake.Load()
	r.wakeOnDone(ctx)
	r.waiter.Begin()
	defer r.waiter.End()
	for {
		// needsPrune may have been set, with a call of Wake, before wake was loaded.
		if r.closed.Load() || r.needsPrune.Load() || r.wake.Load() != wake {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		sleep := r.sleep
		if r.interval > 0 {
			sleep = r.rest
		}
		if ready, err := sleep(wake); ready || err != nil {
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
	r.waiter.WakeUp()
}

// spin checks every link again and again for a while and reports whether something came. Unless the application set the time, a
// wait does not spin after many spins without a sample, because samples at long intervals are not worth a processor.
func (r *Reader) spin(ctx context.Context) bool {
	if r.opts.Spin <= 0 {
		return false // sleep checks too
	}
	if r.adaptiveSpin && r.failedSpins >= maxFailedSpins {
		if r.failedSpins++; r.failedSpins < 2*maxFailedSpins {
			return false
		}
		r.failedSpins = maxFailedSpins - 1
	}
	if process.OneProcessor() {
		return r.yield()
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

// Bounds of yields.
const (
	longYield  = 200 * time.Microsecond // a yield that took longer met a process that does not sleep
	yieldPause = 100 * time.Millisecond // after one, no wait yields for so long
)

// yield is spin on one processor. It lets other processes run once: one of them may publish what the wait is for, and spares both sides the sleep.
// Beside a process that does not sleep a yield takes a time slice, some milliseconds.
func (r *Reader) yield() bool {
	began := r.clock.Now()
	if began < r.yieldsFrom || !process.Yield() {
		return false
	}
	if r.clock.Now()-began > int64(longYield) {
		r.yieldsFrom = began + int64(yieldPause)
	}
	if r.anyReady() {
		r.failedSpins = 0
		return true
	}
	r.failedSpins++
	return false
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

// sleep arms every link, checks all once more, and sleeps until a link has something or r.wake is not wake. New links are armed
// meanwhile; no link is removed, because the caller has the lock. After the first check only links whose bell changed are
// checked, so a wake-up costs little beside many links.
func (r *Reader) sleep(wake uint32) (ready bool, err error) {
	grown := r.grown.Load() // before the links
	r.setCalls(r.waiter, wake, grown)
	r.waiter.Bells.Reset()
	links := *r.links.Load()
	r.nextEpoch()
	r.arm(links)
	if ready = r.anyReady(); !ready {
		failpoint.At("sleep.look")
	}
	for !ready && err == nil && r.wake.Load() == wake {
		err = r.set.waits.Wait(r.waiter)
		failpoint.At("sleep.wait")
		ready = r.anyRang(links)
		if now := r.grown.Load(); now != grown {
			grown = now
			r.setCalls(r.waiter, wake, grown)
			r.waiter.KeepWarm()
			known := len(links)
			links = *r.links.Load()
			r.arm(links[known:])
			for _, l := range links[known:] {
				l.tryBegin() // an unchecked link counts as ready
				ready = ready || l.isReady()
			}
		}
	}
	r.disarm(links)
	return ready, err
}

func (r *Reader) disarm(links []*Link) {
	for _, l := range links {
		l.armed.Store(armedAwake)
	}
	failpoint.At("sleep.disarm")
	r.awakeSince = r.takenCount
}

// setCalls gives p the words that change before it must check again, with the values that its goroutine has loaded.
func (r *Reader) setCalls(p *waitset.Waiter, wake, grown uint32) {
	p.Calls.Reset()
	p.Calls.Add(&r.wake, wake)
	p.Calls.Add(&r.grown, grown)
}

func (r *Reader) nextEpoch() {
	r.epoch = max((r.epoch+1)%armedFrom, armedFirst)
}

// arm arms links. The bells are loaded before, so a publisher that sees an armed link changes a value that the sleep compares.
func (r *Reader) arm(links []*Link) {
	for _, l := range links {
		if !r.restsOn(l) {
			r.waiter.Bells.Add(l.bell, l.bell.Load())
		}
	}
	failpoint.At("sleep.bells")
	polling := false
	for _, l := range links {
		l.armed.Store(r.armedWord(l))
		l.wakePublisher() // the publisher may have begun to wait after the cursor was stored
		polling = polling || l.polling
	}
	failpoint.At("sleep.arm")
	if polling {
		r.heavyFence()
		for _, l := range links {
			l.polling = false
		}
	}
	failpoint.At("sleep.fence")
}

// pollingAfter is the number of samples that a reader takes without a sleep before its links are polling. It divides the cost of
// the heavy fence before the next sleep: 2 to 50 µs, measured in a virtual machine.
const pollingAfter = 1024

// beginPolling stores armedPolling in the armed word of each link. That spares the publishers the fence for each sample, at the cost
// of a heavy fence before the next sleep. Called with the lock, by a goroutine that does not sleep.
func (r *Reader) beginPolling() {
	r.awakeSince = r.takenCount // again after as many: there may be new links
	if !r.canFence {
		return
	}
	for _, l := range *r.links.Load() {
		if !l.polling && !l.passive {
			l.polling = true
			mem.Release32(l.armed, armedPolling)
			failpoint.At("sleep.polling")
		}
	}
}

// heavyFence is the fence between arming and the check, for the publishers too.
func (r *Reader) heavyFence() {
	if err := fence.Heavy(); err != nil {
		// It worked before: the kernel lacks memory, or a filter of system calls was installed since.
		r.canFence = false
		time.Sleep(time.Millisecond) // no processor keeps a store to itself for so long
	}
}

// anyRang reports whether a link whose bell changed has something, and lets takeFromLinks begin with that link. A publisher rings once
// for each number that a link is armed with, so these links are armed with another number.
func (r *Reader) anyRang(links []*Link) (ready bool) {
	first := true
	for i := range r.waiter.Bells.Changes() {
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
