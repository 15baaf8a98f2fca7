package harness

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
)

// PollsPerCheck is the number of polls between two checks of the context.
const PollsPerCheck = 1 << 14

// pollInterval is the time between two polls of a process that sleeps in between.
const pollInterval = 50 * time.Microsecond

// Poll polls a word until it holds n. After every PollsPerCheck polls it sleeps, because the writer of the word may have no processor.
func Poll(ctx context.Context, w *atomic.Uint64, n uint64) error {
	for {
		for range PollsPerCheck {
			if w.Load() == n {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		measure.Nap(pollInterval)
	}
}

// SleepPoll is Poll that sleeps between two polls.
func SleepPoll(ctx context.Context, w *atomic.Uint64, n uint64) error {
	for w.Load() != n {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		measure.Nap(pollInterval)
	}
	return nil
}

// AwaitWarm sleeps until every receiver has finished its warm-up.
func AwaitWarm(ctx context.Context, receivers ...Receiver) error {
	for _, r := range receivers {
		for r.Warm.Load() == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			time.Sleep(100 * time.Microsecond)
		}
	}
	return nil
}

// AwaitDone waits until every receiver has finished message n, and returns the largest delay in nanoseconds. With sleeping it sleeps
// between two polls, which leaves the processors to receivers that wake up.
func AwaitDone(ctx context.Context, receivers []Receiver, n uint64, sleeping bool) (slowest int64, err error) {
	poll := Poll
	if sleeping {
		poll = SleepPoll
	}
	for _, r := range receivers {
		if err := poll(ctx, r.Done, n); err != nil {
			return 0, err
		}
		slowest = max(slowest, int64(r.Delay.Load()))
	}
	return slowest, nil
}
