package record

import (
	"math"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A schedule tells when the messages of a pass are due, counted from its beginning.
type schedule struct {
	rate    float64
	maxGap  uint64 // ns; 0 = gaps stay as they are
	last    uint64 // log time
	elapsed uint64 // ns of the recording that were played, without what was cut off gaps
	rest    uint64 // ns that the recording has before the first of the messages played and behind the last
}

func newSchedule(plan *mcapfile.Plan, o *PlayOptions) *schedule {
	return &schedule{rate: o.Rate, maxGap: uint64(o.MaxGap), last: plan.Start, rest: plan.Span - (plan.End - plan.Start)}
}

// due is for the messages in their order.
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

// A pass of a recording without a length, which is of one message or of messages of one moment, takes a second.
const (
	shortest = 10 * time.Millisecond
	pause    = time.Second
)

// end is when the next pass may begin: as long after the beginning of this one as the recording is long, with all its topics,
// also those that are not played.
func (s *schedule) end() time.Duration {
	s.add(s.rest)
	if s.elapsed < uint64(shortest) {
		s.elapsed = uint64(pause)
	}
	return s.scaled()
}
