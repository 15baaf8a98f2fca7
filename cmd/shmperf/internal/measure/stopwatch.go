package measure

import "github.com/shmbus/shmbus/internal/clock"

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
