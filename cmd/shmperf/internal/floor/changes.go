package floor

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/futex"
)

// send changes the number.
func send(ctx context.Context, w *harness.Worker[Options]) (any, error) {
	o, c, receivers := w.Request, clock.New(), w.Page.Receivers(w.Request.Receivers)
	number, stamp := w.Page.Signal()
	pace, slowest := measure.NewPace(o.Rate), measure.NewRecorder()
	var before measure.Usage
	began := int64(0)
	elapsed := func() int64 { return c.Now() - began }
	n := uint64(0)
	for last := false; !last; {
		n++
		if n == o.Warm+1 {
			var err error
			if err = harness.AwaitWarm(ctx, receivers...); err != nil {
				return nil, err
			}
			if before, err = measure.ReadUsage(); err != nil {
				return nil, err
			}
			slowest.Reset()
			pace, began = measure.NewPace(o.Rate), c.Now()
		}
		if last = n > o.Warm && o.isLast(n, elapsed); last {
			w.Page.Last().Store(n)
		}
		stamp.Store(uint64(c.Now()))
		number.Store(uint32(n))
		if o.Kind == Futex {
			futex.Wake(number)
		}
		if o.Rate == 0 || o.Receivers > 1 {
			late, err := harness.AwaitDone(ctx, receivers, n, o.Kind == Futex)
			if err != nil {
				return nil, err
			}
			slowest.Record(late)
		}
		if err := pace.Wait(ctx); err != nil {
			return nil, err
		}
	}
	after, err := measure.ReadUsage()
	return workload.LinkSent{Count: n - o.Warm, Began: began, Usage: after.Since(before), Took: slowest.Result()}, err
}

// receive waits for changes of the number.
func receive(ctx context.Context, w *harness.Worker[Options]) (any, error) {
	if err := w.Ready(); err != nil {
		return nil, err
	}
	o, c, delays := w.Request, clock.New(), measure.NewRecorder()
	number, stamp := w.Page.Signal()
	words, last := w.Page.Receiver(o.Index), w.Page.Last()
	await := o.waiter()
	var received workload.LinkReceived
	var before measure.Usage
	warming := true
	for seen := uint32(0); ; {
		n, err := await(ctx, number, seen)
		if err != nil {
			return nil, err
		}
		delay := c.Now() - int64(stamp.Load())
		delays.Record(delay)
		received.Count++
		received.Lost += uint64(n - seen - 1)
		seen = n
		if warming && uint64(n) >= o.Warm {
			warming = false
			delays.Reset()
			received = workload.LinkReceived{}
			if before, err = measure.ReadUsage(); err != nil {
				return nil, err
			}
			words.Warm.Store(1)
		}
		words.Delay.Store(uint64(max(delay, 0)))
		words.Done.Store(uint64(n))
		if end := last.Load(); end != 0 && uint64(n) >= end {
			break
		}
	}
	received.Ended, received.Delays = c.Now(), delays.Result()
	after, err := measure.ReadUsage()
	received.Usage = after.Since(before)
	return received, err
}

// maxSleep bounds a sleep that keeps its processor, because the garbage collector waits for its end.
const maxSleep = 2 * time.Millisecond

// waiter returns a function that waits until a word differs from the value last seen, and returns the new value. A futex waiter keeps
// its processor while it sleeps, which is the fastest way in Go and possible for the only runnable goroutine of a process.
func (o *Options) waiter() func(context.Context, *atomic.Uint32, uint32) (uint32, error) {
	if o.Kind == Spin {
		return poll
	}
	w := new(futex.Waiter)
	sleep := w.WaitHolding
	if runtime.GOMAXPROCS(0) == 1 {
		sleep = w.Wait
	}
	return func(ctx context.Context, word *atomic.Uint32, seen uint32) (uint32, error) {
		for {
			if n := word.Load(); n != seen {
				return n, nil
			}
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			w.Reset()
			w.Add(word, seen)
			if err := sleep(maxSleep); err != nil {
				return 0, err
			}
		}
	}
}

func poll(ctx context.Context, word *atomic.Uint32, seen uint32) (uint32, error) {
	for {
		for range harness.PollsPerCheck {
			if n := word.Load(); n != seen {
				return n, nil
			}
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}
