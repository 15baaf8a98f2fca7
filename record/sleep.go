package record

import (
	"context"
	"time"
)

// timerSlack is how late the runtime's timers may be: an idle process is woken by the poller, which counts milliseconds.
const timerSlack = 2 * time.Millisecond

// sleepUntil waits with the precision of the kernel's clock, a tenth of a millisecond or better, or until ctx ends.
func sleepUntil(ctx context.Context, when time.Time) error {
	if far := time.Until(when) - timerSlack; far > 0 {
		t := time.NewTimer(far)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if rest := time.Until(when); rest > 0 {
		nap(rest)
	}
	return ctx.Err()
}
