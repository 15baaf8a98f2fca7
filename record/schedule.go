package record

import (
	"math"
	"time"
)

// A schedule computes when messages are due, relative to the beginning of a pass. It is absolute: the lateness of one message does not
// delay the next. It is anchored anew when the rate changes, after a pause and after a seek.
type schedule struct {
	rate    float64
	maxGap  uint64 // ns; 0 = gaps are not shortened
	last    uint64 // time of the last message
	elapsed uint64 // ns of the recording played so far, with shortened gaps

	anchor   time.Duration // since the beginning of the pass
	anchored uint64        // elapsed at the anchor
	placed   bool          // the next message need not be placed at its own time
}

// newSchedule begins at the time start of the recording.
func newSchedule(start uint64, o *PlayOptions) *schedule {
	return &schedule{rate: o.Rate, maxGap: uint64(o.MaxGap), last: start, placed: true}
}

// due returns the due time of a message with time t. It must be called in message order.
func (s *schedule) due(t uint64) time.Duration {
	if s.placed {
		s.add(t - min(s.last, t))
	}
	s.placed = true
	s.last = t
	return s.scaled()
}

func (s *schedule) add(gap uint64) {
	if s.maxGap > 0 {
		gap = min(gap, s.maxGap)
	}
	s.elapsed += min(gap, math.MaxUint64-s.elapsed)
}

func (s *schedule) scaled() time.Duration {
	return s.anchor + time.Duration(min(float64(s.elapsed-s.anchored)/s.rate, math.MaxInt64/2))
}

// reach makes the last message due now, at the same rate. Later messages keep their distances to it.
func (s *schedule) reach(now time.Duration) { s.anchor, s.anchored = now, s.elapsed }

// setRate changes the rate from now on. The last message that was due is not due again.
func (s *schedule) setRate(rate float64, now time.Duration) {
	due := s.scaled()
	left := float64(max(due-now, 0)) * s.rate // ns of the recording until the last message is due
	s.rate = rate
	s.reach(now + time.Duration(min(left/rate, math.MaxInt64/2)))
}

// jump makes the next message due now, whatever its time is.
func (s *schedule) jump(now time.Duration) {
	s.reach(now)
	s.placed = false
}

// slow delays all later messages.
func (s *schedule) slow(by time.Duration) { s.anchor += by }

// A pass of a recording with one message, or with messages of one moment, takes a second.
const (
	minPassDuration   = 10 * time.Millisecond
	emptyPassDuration = time.Second
)

// end returns when the next pass may begin: rest after the last message. A pass takes as long as the recording with all its topics,
// including those that are not played.
func (s *schedule) end(rest uint64) time.Duration {
	s.add(rest)
	if s.elapsed < uint64(minPassDuration) {
		s.elapsed = uint64(emptyPassDuration)
	}
	return s.scaled()
}
