package metrics

import (
	"context"
	"time"
)

// A schedule is a grid of instants, period apart, from start until before end. What a turn costs does not move those after
// it, so a rate holds over any length of time.
type schedule struct {
	start, end time.Time // no end: zero
	period     time.Duration
}

// run calls turn at every instant of the grid until the end, or ctx, or an error of turn. When a turn takes so long that
// whole turns pass meanwhile, those are missed: they are counted and not made up for, because a figure read late says nothing
// about the instant it was due.
func (s schedule) run(ctx context.Context, turn func(due time.Time) error) (missed uint64, err error) {
	timer := time.NewTimer(time.Until(s.start))
	defer timer.Stop()
	for n := int64(0); ; {
		due := s.start.Add(time.Duration(n) * s.period)
		if !s.end.IsZero() && !due.Before(s.end) {
			return missed, nil
		}
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return missed, nil
		case <-timer.C:
		}
		if err := turn(due); err != nil {
			return missed, err
		}
		n++
		latest := int64(time.Since(s.start) / s.period)
		if !s.end.IsZero() {
			latest = min(latest, s.turns())
		}
		if latest > n {
			missed += uint64(latest - n)
			n = latest
		}
	}
}

// turns is how many instants the grid has before its end.
func (s schedule) turns() int64 { return int64((s.end.Sub(s.start) + s.period - 1) / s.period) }
