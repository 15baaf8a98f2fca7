package pace

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
)

// A Pace lets something happen so many times per second. What was late is not made up for.
type Pace struct {
	period time.Duration
	next   time.Time
}

// New returns a pace of rate times per second, and nil, which does not wait, for 0.
func New(rate float64) *Pace {
	if rate <= 0 {
		return nil
	}
	return &Pace{period: time.Duration(float64(time.Second) / rate), next: time.Now()}
}

// longestNap is how long Wait sleeps before it asks whether it should go on.
const longestNap = 100 * time.Millisecond

// Wait sleeps until it is time again. Whoever is late sleeps for a whole period: two messages one right after the other would
// find a receiver that is awake.
func (p *Pace) Wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.next = p.next.Add(p.period)
	if time.Until(p.next) <= 0 {
		p.next = time.Now().Add(p.period)
	}
	for d := time.Until(p.next); d > 0 && ctx.Err() == nil; d = time.Until(p.next) {
		nap(min(d, longestNap))
	}
	return ctx.Err()
}

// Looks is how often a loop that waits looks before it asks whether it should go on.
const Looks = 1 << 14

// Reached looks at a word, without sleeping, until it holds n. Where that takes long, whoever should write it has no processor:
// then Reached sleeps now and then, and leaves it one.
func Reached(ctx context.Context, w *atomic.Uint64, n uint64) error {
	for {
		for range Looks {
			if w.Load() == n {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		nap(shortNap)
	}
}

// shortNap is how long a process sleeps that waits for another one.
const shortNap = 50 * time.Microsecond

// Set sleeps until a word is not 0.
func Set(ctx context.Context, w *atomic.Uint32) error {
	for w.Load() == 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(100 * time.Microsecond)
	}
	return nil
}

// Awaited is Reached that sleeps between two looks.
func Awaited(ctx context.Context, w *atomic.Uint64, n uint64) error {
	for w.Load() != n {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		nap(shortNap)
	}
	return nil
}

// All waits until every receiver is done with message n, and returns how long the slowest took. It looks at their words all the
// time, or, to leave the processors to receivers that wake up, sleeps between two looks.
func All(ctx context.Context, seats []board.Seat, n uint64, sleeping bool) (slowest int64, err error) {
	reached := Reached
	if sleeping {
		reached = Awaited
	}
	for _, s := range seats {
		if err := reached(ctx, s.Got, n); err != nil {
			return 0, err
		}
		slowest = max(slowest, int64(s.Delay.Load()))
	}
	return slowest, nil
}
