package record

import (
	"context"
	"time"
)

// timerSlack is the maximum lateness of runtime timers: an idle process is woken by the poller, which counts milliseconds.
const timerSlack = 2 * time.Millisecond

// sleepUntil waits until when, until wake, which may be nil, or until ctx ends. Its precision is that of the kernel's clock, a tenth of a
// millisecond or better; spin before when it does not sleep any more, which makes it more precise.
func sleepUntil(ctx context.Context, when time.Time, wake <-chan struct{}, spin time.Duration) error {
	if far := time.Until(when) - timerSlack; far > 0 {
		t := time.NewTimer(far)
		defer t.Stop()
		select {
		case <-t.C:
		case <-wake:
			return ctx.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if rest := time.Until(when) - spin; rest > 0 {
		nanosleep(rest)
	}
	for spin > 0 && time.Now().Before(when) {
	}
	return ctx.Err()
}
