package metrics

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

// turns runs a schedule whose turns take as long as cost says, and returns when they were due and when they began.
func turns(s schedule, ctx context.Context, cost func(n int) time.Duration) (due, began []time.Duration, missed uint64) {
	missed, _ = s.run(ctx, func(at time.Time) error {
		due = append(due, at.Sub(s.start))
		began = append(began, time.Since(s.start))
		time.Sleep(cost(len(due) - 1))
		return nil
	})
	return due, began, missed
}

func TestTurnsThatTakeTimeDoNotDelayTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(30 * ms)
		due, began, missed := turns(schedule{start: start, end: start.Add(50 * ms), period: 10 * ms}, t.Context(),
			func(int) time.Duration { return 9 * ms })
		want := []time.Duration{0, 10 * ms, 20 * ms, 30 * ms, 40 * ms}
		if !slices.Equal(due, want) || !slices.Equal(began, want) || missed != 0 {
			t.Fatalf("due %v, began %v, missed %d; want %v", due, began, missed, want)
		}
	})
}

func TestALateTurnIsMadeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		due, began, missed := turns(schedule{start: start, end: start.Add(40 * ms), period: 10 * ms}, t.Context(),
			func(n int) time.Duration { return []time.Duration{15 * ms, 0, 0, 0}[n] })
		if want := []time.Duration{0, 10 * ms, 20 * ms, 30 * ms}; !slices.Equal(due, want) || missed != 0 {
			t.Fatalf("due %v, missed %d; want %v", due, missed, want)
		}
		if want := []time.Duration{0, 15 * ms, 20 * ms, 30 * ms}; !slices.Equal(began, want) {
			t.Fatalf("began %v; want %v", began, want)
		}
	})
}

func TestTurnsThatPassedAreCountedAndNotMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		due, _, missed := turns(schedule{start: start, end: start.Add(80 * ms), period: 10 * ms}, t.Context(),
			func(n int) time.Duration { return []time.Duration{0, 45 * ms, 0, 0, 0}[n] })
		// The turn due at 10 ended at 55: those due at 20, 30 and 40 have passed, the one due at 50 is late.
		want := []time.Duration{0, 10 * ms, 50 * ms, 60 * ms, 70 * ms}
		if !slices.Equal(due, want) || missed != 3 {
			t.Fatalf("due %v, missed %d; want %v and 3", due, missed, want)
		}
	})
}

func TestTurnsAfterTheEndAreNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		due, _, missed := turns(schedule{start: start, end: start.Add(35 * ms), period: 10 * ms}, t.Context(),
			func(int) time.Duration { return time.Second })
		// Due at 0, 10, 20 and 30: the first lasts until all others have passed.
		if len(due) != 1 || missed != 3 {
			t.Fatalf("due %v, missed %d; want one turn and 3", due, missed)
		}
	})
}

func TestTheScheduleDoesNotDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		due, began, _ := turns(schedule{start: start, end: start.Add(time.Hour), period: 5 * ms}, t.Context(),
			func(n int) time.Duration { return time.Duration(n%5) * ms })
		if n := len(due); n != 720_000 || due[n-1] != time.Hour-5*ms || began[n-1] != due[n-1] {
			t.Fatalf("%d turns, the last due at %v and begun at %v", n, due[n-1], began[n-1])
		}
	})
}

func TestTheScheduleEndsWithItsContextAndWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 25*ms)
		defer cancel()
		due, _, _ := turns(schedule{start: time.Now(), period: 10 * ms}, ctx, func(int) time.Duration { return 0 })
		if len(due) != 3 {
			t.Fatalf("%d turns in 25 ms", len(due))
		}
		broken := errors.New("broken")
		_, err := schedule{start: time.Now(), period: 10 * ms}.run(t.Context(), func(time.Time) error { return broken })
		if err != broken {
			t.Fatalf("the error of a turn became %v", err)
		}
	})
}
