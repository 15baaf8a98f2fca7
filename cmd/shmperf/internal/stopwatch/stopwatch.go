package stopwatch

import (
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/internal/clock"
)

// A Stopwatch is a clock that knows what reading it costs.
type Stopwatch struct {
	clock.Clock
	own int64 // nanoseconds from one reading to the next with nothing in between
}

// New returns a stopwatch. It reads the clock a thousand times.
func New() Stopwatch {
	s := Stopwatch{Clock: clock.New()}
	gaps := make([]int64, 1001)
	for i := range gaps {
		began := s.Now()
		gaps[i] = s.Now() - began
	}
	s.own = distribution.Median(gaps)
	return s
}

// Since returns how long ago a reading of this clock was, without what reading takes.
func (s Stopwatch) Since(began int64) int64 { return max(0, s.Now()-began-s.own) }
