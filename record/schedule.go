package record

import (
	"math"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A schedule computes when the messages of a pass are due, relative to the beginning of the pass.
type schedule struct {
	rate    float64
	maxGap  uint64 // ns; 0 = gaps are not shortened
	last    uint64 // log time
	elapsed uint64 // ns of the recording played so far, with shortened gaps
	rest    uint64 // ns of the recording before the first and after the last played message
}

func newSchedule(plan *mcapfile.Plan, o *PlayOptions) *schedule {
	return &schedule{rate: o.Rate, maxGap: uint64(o.MaxGap), last: plan.Start, rest: plan.Span - (plan.End - plan.Start)}
}

// due returns the due time of a message. It must be called in message order.
func (s *schedule) due(logTime uint64) time.Duration {
	s.add(logTime - s.last)
	s.last = logTime
	return s.scaled()
}

func (s *schedule) add(gap uint64) {
	if s.maxGap > 0 {
		gap = min(gap, s.maxGap)
	}
	s.elapsed += min(gap, math.MaxUint64-s.elapsed)
}

func (s *schedule) scaled() time.Duration {
	return time.Duration(min(float64(s.elapsed)/s.rate, math.MaxInt64/2))
}

// A pass of a recording with one message, or with messages of one moment, takes a second.
const (
	minPassDuration   = 10 * time.Millisecond
	emptyPassDuration = time.Second
)

// end returns when the next pass may begin. A pass takes as long as the recording with all its topics, including those that
// are not played.
func (s *schedule) end() time.Duration {
	s.add(s.rest)
	if s.elapsed < uint64(minPassDuration) {
		s.elapsed = uint64(emptyPassDuration)
	}
	return s.scaled()
}
