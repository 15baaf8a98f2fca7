package rate

import "time"

const (
	maxPoints   = 64
	minMessages = 3 // a rate is taken over at least so many messages, once there were as many

	// A publisher is quiet for good after giveUp of its usual gaps; until hold of them its rate stands unchanged.
	hold   = 2
	giveUp = 5

	minGap = int64(500 * time.Millisecond)
	// loneGap is how long one message without a known predecessor stands for a slow topic.
	loneGap = int64(time.Minute)
)

// Figures is one look at a publisher's counters.
type Figures struct {
	At       int64 // when the look was, ns of CLOCK_MONOTONIC
	Since    int64 // when the publisher began
	Messages uint64
	Bytes    uint64
	Last     int64 // stamp of the newest message, 0 before the first
}

// An Estimator follows one publisher. The zero Estimator is ready and averages over three seconds.
// It is for one goroutine at a time.
type Estimator struct {
	// Window is the shortest time a rate is taken over, when that much was seen. Zero means three seconds.
	Window time.Duration

	seen   bool
	at     int64   // of the newest look
	points []point // looks at which something had come, oldest first
	start  point   // no message between here and the first point was seen alone
}

type point struct {
	messages, bytes uint64
	stamp           int64
}

// Look takes in one look. Looks must come in order of time.
func (e *Estimator) Look(f Figures) {
	before := e.at
	e.at = f.At
	tail := e.tail()
	switch {
	case !e.seen:
		e.seen = true
		e.restart(point{stamp: f.Since})
	case f.Messages < tail.messages || f.Bytes < tail.bytes:
		// Counters never go back: whoever writes them began anew after the look before this one.
		e.restart(point{stamp: before})
	}
	tail = e.tail()
	if f.Messages == tail.messages {
		return
	}
	next := point{f.Messages, f.Bytes, f.Last}
	if next.stamp <= tail.stamp && len(e.points) > 0 || next.stamp > f.At || next.stamp <= 0 {
		next.stamp = max(f.At, tail.stamp+1) // a stamp that cannot be
	}
	if _, gap := e.usual(); len(e.points) > 0 && f.At-tail.stamp > giveUp*gap && f.Messages-tail.messages >= minMessages {
		// It had stopped and is back with more than a message: the pause is no part of the rate.
		e.restart(point{tail.messages, tail.bytes, before})
	} else if len(e.points) == 0 && before > e.start.stamp && before < next.stamp {
		e.start.stamp = before
	}
	if len(e.points) == maxPoints {
		e.points = append(e.points[:0], e.points[1:]...)
	}
	e.points = append(e.points, next)
}

func (e *Estimator) restart(from point) {
	e.start = from
	e.points = e.points[:0]
}

func (e *Estimator) tail() point {
	if len(e.points) == 0 {
		return e.start
	}
	return e.points[len(e.points)-1]
}

// from returns the point a rate is taken from.
func (e *Estimator) from() int {
	window := int64(e.Window)
	if window <= 0 {
		window = int64(3 * time.Second)
	}
	tail := e.tail()
	for i := len(e.points) - 2; i > 0; i-- {
		if p := e.points[i]; tail.stamp-p.stamp >= window && tail.messages-p.messages >= minMessages {
			return i
		}
	}
	return 0
}

// Measured reports whether messages were seen to come, so that the rate is of the present and not the average of the
// publisher's life.
func (e *Estimator) Measured() bool { return len(e.points) > 1 }

// span returns what came over how long, in nanoseconds; zeros when nothing can be said.
func (e *Estimator) span() (messages, bytes, elapsed float64) {
	switch tail := e.tail(); {
	case len(e.points) > 1:
		from := e.points[e.from()]
		return float64(tail.messages - from.messages), float64(tail.bytes - from.bytes), float64(tail.stamp - from.stamp)
	case len(e.points) == 1:
		n := tail.messages - e.start.messages
		elapsed = float64(tail.stamp - e.start.stamp)
		if n < 2 || elapsed <= 0 {
			return 0, 0, 0
		}
		// The first message came somewhere within the first period; in the middle is the least wrong.
		whole := float64(n)
		return whole - 0.5, float64(tail.bytes-e.start.bytes) * (whole - 0.5) / whole, elapsed
	}
	return 0, 0, 0
}

// usual returns the usual time between messages and the usual time between looks that see something new, both in
// nanoseconds.
func (e *Estimator) usual() (period float64, gap int64) {
	messages, _, elapsed := e.span()
	if messages == 0 {
		return 0, loneGap
	}
	period = elapsed / messages
	gap = max(minGap, int64(min(period, float64(time.Hour))))
	if len(e.points) > 1 {
		for i := e.from() + 1; i < len(e.points); i++ {
			gap = max(gap, e.points[i].stamp-e.points[i-1].stamp)
		}
	}
	return period, min(gap, int64(time.Hour))
}

// Rate returns messages and bytes per second as of the newest look.
func (e *Estimator) Rate() (messages, bytes float64) {
	n, b, elapsed := e.span()
	if n == 0 {
		return 0, 0
	}
	_, gap := e.usual()
	silence := e.at - e.tail().stamp
	if silence > giveUp*gap {
		return 0, 0
	}
	if over := silence - hold*gap; over > 0 {
		elapsed += float64(over)
	}
	return n / elapsed * 1e9, b / elapsed * 1e9
}

// Stopped reports whether the publisher has published and has been quiet for much longer than it usually is.
func (e *Estimator) Stopped() bool {
	if len(e.points) == 0 {
		return false
	}
	_, gap := e.usual()
	return e.at-e.tail().stamp > giveUp*gap
}

// Due returns until when it is worth looking on for a first measured rate; zero when it is not.
func (e *Estimator) Due() int64 {
	if len(e.points) != 1 || e.Stopped() {
		return 0
	}
	period, _ := e.usual()
	if period == 0 {
		period = float64(time.Second)
	}
	return e.tail().stamp + int64(min(period, float64(time.Hour))*1.3)
}
