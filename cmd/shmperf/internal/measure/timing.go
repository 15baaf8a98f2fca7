package measure

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
)

// A Pace limits a loop to a number of turns per second. It does not make up for late turns.
type Pace struct {
	period time.Duration
	next   time.Time
}

// NewPace returns a pace of rate turns per second. For a rate of 0 it returns nil, which does not wait.
func NewPace(rate float64) *Pace {
	if rate <= 0 {
		return nil
	}
	return &Pace{period: time.Duration(float64(time.Second) / rate), next: time.Now()}
}

// maxNap bounds the time between two checks of the context.
const maxNap = 100 * time.Millisecond

// Wait sleeps until the next turn. A late caller sleeps for a whole period: two messages in immediate succession would find a receiver
// that is awake.
func (p *Pace) Wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.next = p.next.Add(p.period)
	if time.Until(p.next) <= 0 {
		p.next = time.Now().Add(p.period)
	}
	for d := time.Until(p.next); d > 0 && ctx.Err() == nil; d = time.Until(p.next) {
		Nap(min(d, maxNap))
	}
	return ctx.Err()
}

// A Stopwatch times calls that take little longer than reading the clock: it subtracts the time of one reading.
type Stopwatch struct {
	clock.Clock
	own int64 // nanoseconds from one reading to the next with nothing in between
}

// NewStopwatch returns a stopwatch. It reads the clock a thousand times.
func NewStopwatch() Stopwatch {
	s := Stopwatch{Clock: clock.New()}
	gaps := make([]int64, 1001)
	for i := range gaps {
		began := s.Now()
		gaps[i] = s.Now() - began
	}
	s.own = Median(gaps)
	return s
}

// Since returns the nanoseconds since a reading of this clock, without the time of one reading.
func (s Stopwatch) Since(began int64) int64 { return max(0, s.Now()-began-s.own) }
