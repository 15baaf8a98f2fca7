package floor

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pace"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/subproc"
)

// Send is the role of the process that changes the word.
func Send(ctx context.Context, d *subproc.Parent) error { return stage.Play(ctx, d, "", send) }

func send(ctx context.Context, at *stage.Post[Order]) (any, error) {
	o, b, c := at.Order, at.Board, clock.New()
	number, stamp := b.Line()
	var seats []board.Seat
	for i := range o.Receivers {
		seats = append(seats, b.Seat(i))
	}
	turns, slowest := pace.New(o.Rate), distribution.NewRecorder()
	var before usage.Usage
	began := int64(0)
	elapsed := func() int64 { return c.Now() - began }
	n := uint64(0)
	for last := false; !last; {
		n++
		if n == o.Warm+1 {
			var err error
			for _, s := range seats {
				if err = pace.Set(ctx, s.Warm); err != nil {
					return nil, err
				}
			}
			if before, err = usage.Now(); err != nil {
				return nil, err
			}
			slowest.Reset()
			turns, began = pace.New(o.Rate), c.Now()
		}
		if last = n > o.Warm && o.isLast(n, elapsed); last {
			b.Last().Store(n)
		}
		stamp.Store(uint64(c.Now()))
		number.Store(uint32(n))
		if o.Kind == Futex {
			futex.Wake(number)
		}
		if o.Rate == 0 || o.Receivers > 1 {
			late, err := pace.All(ctx, seats, n, o.Kind == Futex)
			if err != nil {
				return nil, err
			}
			slowest.Record(late)
		}
		if err := turns.Wait(ctx); err != nil {
			return nil, err
		}
	}
	after, err := usage.Now()
	return pair.Sent{Count: n - o.Warm, Began: began, Usage: after.Since(before), Took: slowest.Result()}, err
}

// Receive is the role of a process that waits for the word.
func Receive(ctx context.Context, d *subproc.Parent) error { return stage.Play(ctx, d, "", receive) }

func receive(ctx context.Context, at *stage.Post[Order]) (any, error) {
	if err := at.Ready(); err != nil {
		return nil, err
	}
	o, b := at.Order, at.Board
	c, delays := clock.New(), distribution.NewRecorder()
	number, stamp := b.Line()
	seat, last := b.Seat(o.Seat), b.Last()
	changed := o.waiting()
	var got pair.Got
	var before usage.Usage
	warming := true
	for seen := uint32(0); ; {
		n, err := changed(ctx, number, seen)
		if err != nil {
			return nil, err
		}
		delay := c.Now() - int64(stamp.Load())
		delays.Record(delay)
		got.Count++
		got.Lost += uint64(n - seen - 1)
		seen = n
		if warming && uint64(n) >= o.Warm {
			warming = false
			delays.Reset()
			got = pair.Got{}
			if before, err = usage.Now(); err != nil {
				return nil, err
			}
			seat.Warm.Store(1)
		}
		seat.Delay.Store(uint64(max(delay, 0)))
		seat.Got.Store(uint64(n))
		if end := last.Load(); end != 0 && uint64(n) >= end {
			break
		}
	}
	got.Ended, got.Delays = c.Now(), delays.Result()
	after, err := usage.Now()
	got.Usage = after.Since(before)
	return got, err
}

// slice bounds a sleep that keeps its processor; the collector waits for its end.
const slice = 2 * time.Millisecond

// waiting returns what waits until a word is no longer what was seen. It sleeps in the fastest way that Go has: keeping the
// processor, as the only goroutine of its process that has something to do may.
func (o *Order) waiting() func(context.Context, *atomic.Uint32, uint32) (uint32, error) {
	if o.Kind == Spin {
		return look
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
			if err := sleep(slice); err != nil {
				return 0, err
			}
		}
	}
}

func look(ctx context.Context, word *atomic.Uint32, seen uint32) (uint32, error) {
	for {
		for range pace.Looks {
			if n := word.Load(); n != seen {
				return n, nil
			}
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}
