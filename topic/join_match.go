package topic

import (
	"math"
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
//
// Each reset of an input's stamps begins a new epoch of that input. The epochs are matched one after the other, each as if the
// inputs ended with it.
type matcher struct {
	inputs    []matchInput
	tolerance uint64
	queueSize int
	maxWait   int64  // nanoseconds; 0: without limit
	resumed   int64  // when the last set was taken
	epoch     uint64 // of the samples that are matched

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

	epoch  uint64 // of the sample received last
	newest int64  // greatest stamp of that epoch; math.MinInt64 if there is none
	floor  int64  // stamp of the newest sample that is in a set of the epoch of the matcher; math.MinInt64 if there is none
	ended  bool   // no further sample comes

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

// complete reports whether each input has a sample of this epoch.
func (m *matcher) complete() bool {
	for i := range m.inputs {
		if !m.has(i, 0) {
			return false
		}
	}
	return true
}

// push adds a sample of an input.
func (m *matcher) push(input int, e joinEntry) {
	in := &m.inputs[input]
	in.counts.Received++
	if e.stamp < in.newest && distance(e.stamp, in.newest) > uint64(resetStep) {
		in.epoch++
		in.newest = math.MinInt64
		in.counts.Resets++
	}
	in.newest, e.epoch = max(in.newest, e.stamp), in.epoch
	switch {
	case m.over():
		m.drop(input, e, NoPartner, nil)
		return
	case e.epoch < m.epoch:
		m.drop(input, e, StampReset, nil)
		return
	case e.epoch == m.epoch && e.stamp < in.floor:
		m.drop(input, e, OutOfOrder, nil)
		return
	}
	in.queue.insert(e)
	m.advance()
	if !m.formed && in.queue.len() > m.queueSize && !in.lossless {
		m.drop(input, in.queue.pop(), QueueFull, nil)
		m.alignEpochs()
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
			m.alignEpochs()
			m.advance()
		}
	}
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
