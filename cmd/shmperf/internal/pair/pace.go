package pair

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// A pace lets something happen so many times per second. What comes late is not made up for.
type pace struct {
	period time.Duration
	next   time.Time
}

func newPace(rate float64) *pace {
	if rate <= 0 {
		return nil
	}
	return &pace{period: time.Duration(float64(time.Second) / rate), next: time.Now()}
}

func (p *pace) wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.next = p.next.Add(p.period)
	d := time.Until(p.next)
	if d <= 0 {
		p.next = time.Now()
		return ctx.Err()
	}
	time.Sleep(min(d, time.Second))
	return ctx.Err()
}

// looks is how often a loop that waits looks before it asks whether it should go on.
const looks = 1 << 14

// Reached looks at a word, without sleeping, until it holds n.
func Reached(ctx context.Context, w *atomic.Uint64, n uint64) error {
	for {
		for range looks {
			if w.Load() == n {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		runtime.Gosched()
	}
}

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
