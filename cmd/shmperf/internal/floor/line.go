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
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/crew"
	"github.com/shmbus/shmbus/internal/futex"
)

// Send is the role of the process that changes the word.
func Send(ctx context.Context, d *crew.Desk) error {
	var o Order
	if err := d.Order(&o); err != nil {
		return err
	}
	b, err := board.Open(o.Dir)
	if err != nil {
		return err
	}
	defer b.Close()
	sent, err := o.send(ctx, b)
	if err != nil {
		return err
	}
	return d.Reply(sent)
}

func (o *Order) send(ctx context.Context, b *board.Board) (pair.Sent, error) {
	c := clock.New()
	number, stamp := b.Line()
	seat, turns := b.Seat(0), pace.New(o.Rate)
	var before usage.Usage
	began := int64(0)
	elapsed := func() int64 { return c.Now() - began }
	n := uint64(0)
	for last := false; !last; {
		n++
		if n == o.Warm+1 {
			var err error
			if err = pace.Set(ctx, seat.Warm); err != nil {
				return pair.Sent{}, err
			}
			if before, err = usage.Now(); err != nil {
				return pair.Sent{}, err
			}
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
		if o.Rate == 0 {
			if err := pace.Reached(ctx, seat.Got, n); err != nil {
				return pair.Sent{}, err
			}
		} else if err := turns.Wait(ctx); err != nil {
			return pair.Sent{}, err
		}
	}
	after, err := usage.Now()
	return pair.Sent{Count: n - o.Warm, Began: began, Usage: after.Since(before)}, err
}

// Receive is the role of the process that waits for the word.
func Receive(ctx context.Context, d *crew.Desk) error {
	var o Order
	if err := d.Order(&o); err != nil {
		return err
	}
	b, err := board.Open(o.Dir)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := d.Ready(); err != nil {
		return err
	}
	got, err := o.receive(ctx, b)
	if err != nil {
		return err
	}
	return d.Reply(got)
}

func (o *Order) receive(ctx context.Context, b *board.Board) (pair.Got, error) {
	c, delays := clock.New(), distribution.NewRecorder()
	number, stamp := b.Line()
	seat, last := b.Seat(0), b.Last()
	changed := o.waiting()
	var got pair.Got
	var before usage.Usage
	warming := true
	for seen := uint32(0); ; {
		n, err := changed(ctx, number, seen)
		if err != nil {
			return pair.Got{}, err
		}
		now := c.Now()
		delays.Record(now - int64(stamp.Load()))
		got.Count++
		got.Lost += uint64(n - seen - 1)
		seen = n
		if warming && uint64(n) >= o.Warm {
			warming = false
			delays.Reset()
			got = pair.Got{}
			if before, err = usage.Now(); err != nil {
				return pair.Got{}, err
			}
			seat.Warm.Store(1)
		}
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
