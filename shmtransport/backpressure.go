package shmtransport

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/process"
)

const (
	// publisherSpin is the number of checks that a waiting publish makes before it sleeps.
	publisherSpin = 256
	// maxPublisherSleep bounds one sleep. A reader wakes the publisher only when it has taken half of its backlog;
	// there may be room for a sample earlier.
	maxPublisherSleep = 2 * time.Millisecond
	// minStuckChecks is the minimum number of checks of a reader that takes nothing before it is suspended.
	minStuckChecks = 10
)

// awaitTaken returns when every lossless reader has taken the sample of sequence target(), or with ctx's error. It
// releases mu while it sleeps, so other publishes, admissions and deaths proceed, and then calls target again. Called
// with mu held.
//
// The publisher stores the wake cursor, checks the reader's cursor once more, and sleeps on that cursor's former value.
// The reader stores its cursor, loads the wake cursor, and wakes the cursor word if it got there. Either side sees the
// other's store, with one exception: the reader has no fence between its store and its load. In that case the bound of
// the publisher's sleep ends it.
func (w *Writer) awaitTaken(ctx context.Context, target func() uint64) error {
	var waiter *futex.Waiter
	spin := publisherSpin
	if process.OneProcessor() {
		spin = 0
	}
	for spins := 0; ; spins++ {
		slowest, next := w.slowest()
		if next > target() {
			return nil
		}
		if spins == 0 {
			w.waitCount++
			if w.wakePending {
				w.wakePending = false
				w.wakeReaders()
			}
		}
		if spins < spin {
			if spins%32 == 31 {
				w.mu.Unlock()
				runtime.Gosched()
				w.mu.Lock()
			}
			continue
		}
		if waiter == nil {
			waiter = new(futex.Waiter)
			w.stats.Waited()
			w.beginWait()
			defer w.endWait()
			stop := context.AfterFunc(ctx, func() {
				w.mu.Lock()
				w.wakeSleepers()
				w.mu.Unlock()
			})
			defer stop()
		}
		if w.closed {
			return errdefs.Closed("the publisher is closed")
		}
		if !slowest.isCurrent() {
			w.removeReaders(func(r *remoteReader) bool { return !r.isCurrent() })
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wait for a lossless subscription of participant %016x: %w", slowest.req.Reader, err)
		}
		if w.suspendStuck(target()) {
			continue
		}
		if err := w.sleepOnCursor(slowest, target(), waiter); err != nil {
			return err
		}
	}
}

// beginWait restarts the timeouts of the readers, unless another publish waits already.
func (w *Writer) beginWait() {
	if w.waiting == 0 {
		for _, r := range w.readers {
			r.stuckAt = 0
		}
	}
	w.waiting++
}

func (w *Writer) endWait() { w.waiting-- }

// suspendStuck suspends the lossless readers that hold up target and took nothing within their timeout, and reports
// whether there were any. The time counts from the reader's last progress or reset, not from the beginning of this publish, and
// the timeouts of several readers run in parallel. Of the time between two checks only a fraction of the timeout
// counts, because a machine that was suspended does not make a reader stuck.
func (w *Writer) suspendStuck(target uint64) (any bool) {
	now := time.Now()
	since := now.Sub(w.lastStuckCheck)
	w.lastStuckCheck = now
	for _, r := range w.readers {
		if !r.req.Lossless || r.suspendedAt != 0 {
			continue
		}
		n := r.nextSequence(w.seq)
		switch {
		case r.wasReset() || n != r.stuckAt || n > target && n+uint64(w.ring.Depth()) > w.seq+1:
			r.stuckAt, r.stuckFor = n, 0
		default:
			r.stuckFor += min(since, max(r.req.Timeout/minStuckChecks, maxPublisherSleep))
			if n <= target && r.stuckFor > r.req.Timeout {
				r.suspendedAt, any = n, true
			}
		}
	}
	return any
}

// waitsFor reports whether publishes wait for a reader.
func (w *Writer) waitsFor(r *remoteReader) bool { return r.req.Lossless && !w.opts.NeverWaits }

// slowest returns the lossless reader that is furthest behind and the sequence that it takes next, or nil and never if
// there is no reader to wait for. It updates roomUntil.
func (w *Writer) slowest() (slowest *remoteReader, next uint64) {
	depth := uint64(w.ring.Depth())
	next = never
	suspended := false
	for _, r := range w.readers {
		if !w.waitsFor(r) {
			continue
		}
		n := r.nextSequence(w.seq)
		if r.suspendedAt != 0 {
			if n == r.suspendedAt || n+depth/2 <= w.seq {
				suspended = true
				continue
			}
			r.suspendedAt = 0
		}
		if n < next {
			slowest, next = r, n
		}
	}
	switch {
	case suspended:
		w.roomUntil = 0 // it may catch up at any time
	case slowest != nil:
		w.roomUntil = next + depth
	default:
		w.roomUntil = never
	}
	return slowest, next
}

// sleepOnCursor sleeps until the reader has taken target and half of the samples after it, until the bound of the
// sleep, or until wakeSleepers is called. It ends a rest of the reader.
func (w *Writer) sleepOnCursor(r *remoteReader, target uint64, waiter *futex.Waiter) error {
	w.wakeCursor.Store(target + 1 + (w.seq-target)/2)
	failpoint.At("backpressure.arm")
	if r.load32(r.armed) >= armedFrom {
		futex.Wake(r.armed) // each time: it leaves no trace where the reader is not asleep yet
	}
	w.sleepers++
	r.pins++
	word := mem.Uint32(r.page, pageOffCursor+mem.LowHalf)
	seen, wake := r.load32(word), w.wake.Load()
	blocked := r.nextSequence(w.seq) <= target
	failpoint.At("backpressure.look")
	w.mu.Unlock()

	var err error
	if blocked {
		waiter.Reset()
		waiter.Add(word, seen)
		waiter.Add(&w.wake, wake)
		err = waiter.Wait(maxPublisherSleep)
		failpoint.At("backpressure.wait")
	}

	w.mu.Lock()
	r.pins--
	if r.removed && r.pins == 0 {
		r.unmap()
	}
	w.sleepers--
	if w.sleepers == 0 && !w.closed {
		w.wakeCursor.Store(0)
		failpoint.At("backpressure.end")
	}
	w.closeStoreIfUnused()
	return err
}

// wakeSleepers makes every waiting publish check its readers again. Called with mu held.
func (w *Writer) wakeSleepers() {
	if w.sleepers > 0 {
		w.wake.Add(1)
		futex.Wake(&w.wake)
	}
}
