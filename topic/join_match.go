package topic

import (
	"math"
	"slices"
	"time"
)

// maxJoinInputs is the number of inputs of the largest join.
const maxJoinInputs = 3

// resetStep is the time by which a stamp must run back for the input to begin anew. Stamps of several publishers that take
// turns run back by less.
const resetStep = time.Second

// A matcher forms sets of samples with near stamps, one of each input. It decides by stamps alone, except for a full queue and
// for samples that wait too long, so that the sets do not depend on the order in which samples of different inputs arrive.
//
// While a set is formed that was not taken, nothing is decided, and samples only queue up. A matcher is not safe for
// concurrent use.
//
// The algorithm is that of ApproximateTime in the ROS package message_filters, with a tolerance. The pivot is the newest of
// the oldest samples of all inputs. No later set has a stamp of the pivot's input before the pivot, so a sample that is older
// than the pivot by more than the tolerance has no partner. When no such sample is left, the oldest samples are a set. Of
// the sets that contain the pivot the one with the least spread is taken.
type matcher struct {
	inputs    []matchInput
	tolerance uint64
	queueSize int
	maxWait   int64 // nanoseconds; 0: without limit
	resumed   int64 // when the last set was taken

	formed bool // set is complete and was not taken
	set    joinSet
	sets   uint64 // sets taken

	// dropped is called for each sample that will not be in a set, before it is released.
	dropped func(input int, e joinEntry, reason JoinReason, err error)
}

// A joinSet has one sample of each input.
type joinSet struct {
	entries [maxJoinInputs]joinEntry
	spread  uint64 // nanoseconds between the oldest and the newest stamp
}

// matchInput is the state of one input.
type matchInput struct {
	queue       joinQueue
	minInterval int64
	lossless    bool // nothing is dropped for a full queue

	newest int64 // greatest stamp; math.MinInt64 before the first sample and after a reset
	floor  int64 // stamp of the newest sample that is in a set; math.MinInt64 as above
	ended  bool  // no further sample comes

	counts JoinInputStats
}

// newMatcher makes a matcher with an input for each minimal interval between samples of that input.
func newMatcher(minIntervals []time.Duration, tolerance, maxWait time.Duration, queueSize int) *matcher {
	m := &matcher{tolerance: uint64(tolerance), queueSize: queueSize, maxWait: int64(maxWait)}
	for _, d := range minIntervals {
		m.inputs = append(m.inputs, matchInput{
			queue: newJoinQueue(queueSize + 1), minInterval: int64(d), newest: math.MinInt64, floor: math.MinInt64,
		})
	}
	return m
}

// hasRoom reports whether push may be called: whether the queue is not full or, if no set is formed, a further sample can
// help to form one or takes the place of the oldest. It stays true until push is called for the input.
func (m *matcher) hasRoom(input int) bool {
	in := &m.inputs[input]
	if m.formed || in.lossless && !m.complete() {
		return in.queue.len() < m.queueSize
	}
	return true
}

// complete reports whether each input has a sample.
func (m *matcher) complete() bool {
	return !slices.ContainsFunc(m.inputs, func(in matchInput) bool { return in.queue.len() == 0 })
}

// push adds a sample of an input.
func (m *matcher) push(input int, e joinEntry) {
	in := &m.inputs[input]
	in.counts.Received++
	switch {
	case m.over():
		m.drop(input, e, NoPartner, nil)
		return
	case e.stamp < in.newest && distance(e.stamp, in.newest) > uint64(resetStep):
		m.dropAll(input, StampReset)
		in.newest, in.floor = math.MinInt64, math.MinInt64
		in.counts.Resets++
	case e.stamp < in.floor:
		m.drop(input, e, OutOfOrder, nil)
		return
	}
	in.queue.insert(e)
	in.newest = max(in.newest, e.stamp)
	m.advance()
	if !m.formed && in.queue.len() > m.queueSize && !in.lossless {
		m.drop(input, in.queue.pop(), QueueFull, nil)
		m.advance()
	}
}

// reject counts a received sample that cannot take part.
func (m *matcher) reject(input int, e joinEntry, reason JoinReason, err error) {
	m.inputs[input].counts.Received++
	m.drop(input, e, reason, err)
}

// end says that the input gives no further sample.
func (m *matcher) end(input int) {
	m.inputs[input].ended = true
	m.advance()
}

// over reports whether no further set can be formed.
func (m *matcher) over() bool {
	for i := range m.inputs {
		if in := &m.inputs[i]; in.ended && in.queue.len() == 0 {
			return true
		}
	}
	return false
}

// take returns the set that is formed, and begins with the next.
func (m *matcher) take(now int64) joinSet {
	s := m.set
	m.set, m.formed, m.resumed = joinSet{}, false, now
	m.sets++
	for i := range m.inputs {
		m.inputs[i].counts.Used++
	}
	m.advance()
	return s
}

// close drops all samples.
func (m *matcher) close() {
	for i := range m.inputs {
		if m.formed {
			m.drop(i, m.set.entries[i], JoinClosed, nil)
		}
		m.dropAll(i, JoinClosed)
	}
	m.set, m.formed = joinSet{}, false
}

// deadline returns when expire must be called, unless the matcher changes before.
func (m *matcher) deadline() (at int64, ok bool) {
	if m.formed || m.maxWait == 0 {
		return 0, false
	}
	at = math.MaxInt64
	for i := range m.inputs {
		if q := &m.inputs[i].queue; q.len() > 0 {
			at, ok = min(at, max(q.front().since, m.resumed)+m.maxWait), true
		}
	}
	return at, ok
}

// expire ends the wait of samples that have waited for maxWait: it forms a set of the samples that there are, or drops them.
func (m *matcher) expire(now int64) {
	for i := 0; i < len(m.inputs) && m.maxWait > 0; i++ {
		q := &m.inputs[i].queue
		for !m.formed && q.len() > 0 && now-max(q.front().since, m.resumed) >= m.maxWait {
			if pivot, complete := m.pivot(); complete {
				at, _ := m.leastSpread(pivot)
				m.form(at)
				return
			}
			m.drop(i, q.pop(), WaitExpired, nil)
			m.advance()
		}
	}
}

// advance drops samples that have no partner, and forms the next set if it is certain or a queue has no place for what could
// make it certain.
func (m *matcher) advance() {
	for !m.formed {
		if m.over() {
			for i := range m.inputs {
				m.dropAll(i, NoPartner)
			}
			return
		}
		pivot, complete := m.pivot()
		if m.dropOlder(pivot) {
			continue
		}
		if !complete {
			return
		}
		at, certain := m.leastSpread(pivot)
		if !certain && !m.overfull() {
			return
		}
		m.form(at)
	}
}

// overfull reports whether a queue has no place for a further sample.
func (m *matcher) overfull() bool {
	return slices.ContainsFunc(m.inputs, func(in matchInput) bool { return in.queue.len() > m.queueSize })
}

// pivot returns the newest of the oldest samples' stamps, which is in the next set. An input without a sample counts with the
// earliest stamp that its next sample can have. complete is false if there is such an input.
func (m *matcher) pivot() (stamp int64, complete bool) {
	stamp, complete = math.MinInt64, true
	for i := range m.inputs {
		in := &m.inputs[i]
		if in.queue.len() > 0 {
			stamp = max(stamp, in.queue.front().stamp)
		} else {
			stamp, complete = max(stamp, in.earliest()), false
		}
	}
	return stamp, complete
}

// earliest returns the earliest stamp that a sample which was not received yet can have.
func (in *matchInput) earliest() int64 {
	if in.newest == math.MinInt64 || in.newest > math.MaxInt64-in.minInterval {
		return in.newest
	}
	return in.newest + in.minInterval
}

// dropOlder drops samples that are older than the pivot by more than the tolerance.
func (m *matcher) dropOlder(pivot int64) (dropped bool) {
	for i := range m.inputs {
		q := &m.inputs[i].queue
		for q.len() > 0 && q.front().stamp < pivot && distance(q.front().stamp, pivot) > m.tolerance {
			m.drop(i, q.pop(), NoPartner, nil)
			dropped = true
		}
	}
	return dropped
}

// positions are places in the queues of all inputs.
type positions [maxJoinInputs]int

// leastSpread returns the set with the least spread among those that contain the pivot, the earliest of equal ones. All
// queues have a sample. The result is certain if no sample that is still to come can be in a set with less spread.
//
// It goes through the sets that consist, for a stamp, of the first sample of each input from that stamp on.
func (m *matcher) leastSpread(pivot int64) (best positions, certain bool) {
	var at positions
	least := uint64(math.MaxUint64)
	for {
		first, begin, end, known := 0, int64(math.MaxInt64), pivot, true
		for i := range m.inputs {
			in := &m.inputs[i]
			if at[i] < in.queue.len() {
				stamp := in.queue.at(at[i]).stamp
				if end = max(end, stamp); stamp < begin {
					first, begin = i, stamp
				}
				continue
			}
			if in.ended {
				return best, true
			}
			known, end = false, max(end, in.earliest())
		}
		if distance(pivot, end) >= least { // later sets that contain the pivot have more spread, and those without it come later
			return best, true
		}
		if spread := distance(begin, end); spread < least {
			if !known {
				return best, false
			}
			best, least = at, spread
		}
		at[first]++
	}
}

// form makes a set of the samples at these positions. Samples before them have no partner.
func (m *matcher) form(at positions) {
	begin, end := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range m.inputs {
		in := &m.inputs[i]
		for range at[i] {
			m.drop(i, in.queue.pop(), NoPartner, nil)
		}
		e := in.queue.pop()
		in.floor = e.stamp
		begin, end = min(begin, e.stamp), max(end, e.stamp)
		m.set.entries[i] = e
	}
	m.set.spread, m.formed = distance(begin, end), true
}

func (m *matcher) dropAll(input int, reason JoinReason) {
	for q := &m.inputs[input].queue; q.len() > 0; {
		m.drop(input, q.pop(), reason, nil)
	}
}

// drop counts and releases a sample that is not in a queue.
func (m *matcher) drop(input int, e joinEntry, reason JoinReason, err error) {
	*m.inputs[input].counts.of(reason)++
	if m.dropped != nil {
		m.dropped(input, e, reason, err)
	}
	e.sample.Release()
}

// distance returns to - from, in nanoseconds, for from <= to. The difference of any two stamps fits.
func distance(from, to int64) uint64 { return uint64(to) - uint64(from) }

func (m *matcher) stats() JoinStats {
	s := JoinStats{Sets: m.sets, Inputs: make([]JoinInputStats, len(m.inputs))}
	for i := range m.inputs {
		in := &m.inputs[i]
		s.Inputs[i] = in.counts
		s.Inputs[i].Waiting = uint64(in.queue.len())
		if m.formed {
			s.Inputs[i].Waiting++
		}
	}
	return s
}
