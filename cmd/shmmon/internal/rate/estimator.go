// Package rate computes the rates of a publisher from observations of its counters.
//
// An observation has the numbers of messages and bytes published, and the stamp of the newest message. A rate is the number of messages
// in one window divided by the length of that window, which is at least that of the Estimator. A window begins after a message that was
// the newest one at some observation and ends with the newest message, so its count is exact for any times of observation: a topic with
// one message in five seconds reads 0.2 at every observation, not 0 and 1 in turns, and bursts count together with the silence between
// them. When the silence after the newest message is longer than any silence in the window, the window ends at the observation.
//
// Before a window was seen, the average of the publisher's life stands in for the rate of the present, unless its newest message is so
// old that the window has none.
//
// The figures come from another process and are bounded here. Wrong figures give a wrong rate and do no other harm.
package rate

import "time"

const (
	maxPoints   = 64
	minMessages = 3 // a window holds at least so many messages, once there were as many
	// slack is the part of the window by which the stamps of regular messages may miss its length, for the sake of their jitter.
	slack = 64
	// grain is the part of the window that is told apart within it, so that maxPoints are enough for two windows.
	grain = 16

	// A silence of pauseGaps usual gaps is a pause. A usual gap is at least minGap.
	pauseGaps = 5
	minGap    = int64(time.Second)
	// burst is how many messages a topic may have between two silences. The average of a life does not tell bursts from regular messages.
	burst = 100
	// loneGap is how long one message without a known predecessor stands for a slow topic.
	loneGap = int64(time.Minute)
)

// Figures is one reading of a publisher's counters.
type Figures struct {
	At       int64 // when they were read, ns of CLOCK_MONOTONIC
	Since    int64 // when the publisher began
	Messages uint64
	Bytes    uint64
	Last     int64 // stamp of the newest message, 0 before the first
}

// An Estimator follows one publisher. The zero Estimator is ready and averages over three seconds.
// It is for one goroutine at a time.
type Estimator struct {
	// Window is the shortest time a rate is taken over. Zero means three seconds.
	Window time.Duration

	at     int64   // of the newest reading; 0 before the first
	since  int64   // when the counters were 0
	points []point // the first reading, and those with new messages, oldest first
}

// A point is a count of messages and when it was so.
type point struct {
	messages, bytes uint64
	stamp           int64 // of the newest message; of the beginning where there was none
	seen, quiet     int64 // first and last reading of this count: nothing came between stamp and quiet
}

// Add takes one reading of the counters. Readings must come in order of time.
func (e *Estimator) Add(f Figures) {
	before := e.at
	e.at = f.At
	if len(e.points) == 0 {
		e.since = max(0, min(f.Since, f.At))
		e.points = append(e.points, newPoint(f, e.since))
		return
	}
	tail := e.tail()
	switch {
	case f.Messages < tail.messages || f.Bytes < tail.bytes:
		// Counters never go back: their writer restarted after the previous reading.
		e.since = before
		e.points = append(e.points[:0], point{stamp: before, seen: before, quiet: before})
		if f.Messages > 0 {
			e.points = append(e.points, newPoint(f, before))
		}
	case f.Messages == tail.messages:
		tail.quiet = f.At
	default:
		e.append(newPoint(f, tail.stamp))
	}
}

// newPoint is made of a reading, with a stamp after the one before.
func newPoint(f Figures, before int64) point {
	p := point{f.Messages, f.Bytes, f.Last, f.At, f.At}
	switch {
	case f.Messages == 0:
		p.stamp = before
	case p.stamp <= before || p.stamp > f.At:
		p.stamp = max(f.At, before+1) // a stamp that cannot be
	}
	return p
}

func (e *Estimator) append(next point) {
	if n := len(e.points); n > 2 && e.points[n-1].stamp-e.points[n-3].stamp < e.window()/grain {
		e.points = append(e.points[:n-2], e.points[n-1])
	}
	if len(e.points) == maxPoints {
		e.points = append(e.points[:0], e.points[1:]...)
	}
	e.points = append(e.points, next)
}

func (e *Estimator) tail() *point { return &e.points[len(e.points)-1] }

func (e *Estimator) window() int64 {
	if e.Window <= 0 {
		return int64(3 * time.Second)
	}
	return int64(e.Window)
}

// start returns the point that a window of the present begins at, unless too little was seen for one.
func (e *Estimator) start() (i int, ok bool) {
	if len(e.points) == 0 {
		return 0, false
	}
	window, tail := e.window(), e.tail()
	oldest := -1 // of those that are far enough back
	for i := len(e.points) - 2; i >= 0; i-- {
		p := e.points[i]
		// No message is at the beginning of a life, so the time from there to the first message is no gap between messages.
		if p.messages == 0 || tail.stamp-p.stamp < window-window/slack {
			continue
		}
		if tail.messages-p.messages >= minMessages {
			return i, true
		}
		oldest = i
	}
	if oldest >= 0 {
		return oldest, true
	}
	first := e.points[0]
	return 0, e.at-first.seen >= window && tail.messages-first.messages >= minMessages
}

// longest returns the longest gap between the stamps of the points from i on.
func (e *Estimator) longest(i int) (gap int64) {
	for i++; i < len(e.points); i++ {
		gap = max(gap, e.points[i].stamp-e.points[i-1].stamp)
	}
	return gap
}

// length returns how long the window is that begins at point i and ends with the newest message.
func (e *Estimator) length(i int) int64 {
	p, tail := e.points[i], e.tail()
	from := p.stamp
	if others := max(minGap, e.longest(i+1)); tail.messages-p.messages >= minMessages && p.quiet-from > pauseGaps*others {
		// A pause after the point. Only as much of it as the window needs is part of the rate of what came after it.
		from = max(from, min(p.quiet, tail.stamp-e.window()))
	}
	return max(e.window(), tail.stamp-from)
}

// A Span is a window with what was published in it.
type Span struct {
	Messages, Bytes uint64
	Length          time.Duration // 0: nothing can be said
}

// Span returns the window of Rate.
func (e *Estimator) Span() Span {
	if len(e.points) == 0 {
		return Span{}
	}
	i, ok := e.start()
	if !ok {
		return e.life()
	}
	from, tail, length := e.points[i], e.tail(), e.length(i)
	messages, bytes := tail.messages-from.messages, tail.bytes-from.bytes
	begin := from.stamp
	for _, p := range e.points[i:] {
		if p.stamp <= e.at-length {
			from, begin = p, min(e.at-length, p.quiet)
		}
	}
	last := Span{tail.messages - from.messages, tail.bytes - from.bytes, time.Duration(max(length, e.at-begin))}
	// One message more or less is where the window is cut. More than that is a burst, or a silence longer than any in the window.
	if e.at-tail.stamp > e.longest(i) || last.Messages < messages-1 {
		return last
	}
	return Span{messages, bytes, time.Duration(length)}
}

// life is the window since the publisher began, while there is none of the present.
func (e *Estimator) life() Span {
	tail := e.tail()
	switch {
	case e.silent():
		return Span{Length: time.Duration(e.window())}
	case tail.messages < 2 || e.at-tail.stamp > pauseGaps*e.period():
		return Span{}
	}
	return Span{tail.messages, tail.bytes, time.Duration(max(e.window(), e.at-e.since))}
}

// silent reports whether the newest message is older than a window, and than a silence between bursts by the publisher's life.
func (e *Estimator) silent() bool { return e.at-e.tail().stamp >= e.silence() }

// silence is how long it takes until a publisher is silent.
func (e *Estimator) silence() int64 { return max(e.window(), minGap, burst*e.average()) }

// average is the time for each message of the publisher's life.
func (e *Estimator) average() int64 {
	tail := e.tail()
	if tail.messages < 2 {
		return loneGap
	}
	return int64(float64(tail.stamp-e.since) / float64(tail.messages))
}

// period is how long a silence is usual by the average of the publisher's life.
func (e *Estimator) period() int64 { return max(minGap, e.average()) }

// Measured reports whether the rate is of the present and not the average of the publisher's life.
func (e *Estimator) Measured() bool {
	_, ok := e.start()
	return ok || len(e.points) > 0 && e.silent()
}

// Rate returns messages and bytes per second as of the newest reading.
func (e *Estimator) Rate() (messages, bytes float64) {
	s := e.Span()
	if s.Length <= 0 {
		return 0, 0
	}
	return float64(s.Messages) / s.Length.Seconds(), float64(s.Bytes) / s.Length.Seconds()
}

// Stopped reports whether the publisher has published and has been quiet for much longer than it usually is.
func (e *Estimator) Stopped() bool {
	if len(e.points) == 0 || e.tail().messages == 0 {
		return false
	}
	silence := e.at - e.tail().stamp
	if i, ok := e.start(); ok {
		return silence > max(e.length(i), pauseGaps*max(minGap, e.longest(i)))
	}
	return silence > pauseGaps*e.period()
}

// Due returns until when it is worth looking on for a first measured rate; zero when it is not.
func (e *Estimator) Due() int64 {
	if len(e.points) == 0 || e.tail().messages == 0 || e.Measured() || e.Stopped() {
		return 0
	}
	tail := e.tail()
	period := int64(time.Second)
	if tail.messages > 1 {
		period = min(e.average(), int64(time.Hour))
	}
	if next := tail.stamp + period + period*3/10; next > e.at {
		return next
	}
	return tail.stamp + min(e.silence(), pauseGaps*e.period()+1) // it is late: a burst, or the end
}
