package topic

import (
	"math"
	"slices"
)

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
		if m.epochOver() {
			m.beginEpoch(m.epoch + 1)
			continue
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
		if m.has(i, 0) {
			stamp = max(stamp, m.inputs[i].queue.front().stamp)
		} else {
			stamp, complete = max(stamp, m.earliest(i)), false
		}
	}
	return stamp, complete
}

// earliest returns the earliest stamp that a sample of this epoch which was not received yet can have.
func (m *matcher) earliest(input int) int64 {
	in := &m.inputs[input]
	switch {
	case in.epoch < m.epoch:
		return math.MinInt64
	case in.newest == math.MinInt64 || in.newest > math.MaxInt64-in.minInterval:
		return in.newest
	}
	return in.newest + in.minInterval
}

// dropOlder drops samples that are older than the pivot by more than the tolerance.
func (m *matcher) dropOlder(pivot int64) (dropped bool) {
	for i := range m.inputs {
		q := &m.inputs[i].queue
		for m.has(i, 0) && q.front().stamp < pivot && distance(q.front().stamp, pivot) > m.tolerance {
			m.drop(i, q.pop(), NoPartner, nil)
			dropped = true
		}
	}
	return dropped
}

// positions are places in the queues of all inputs.
type positions [maxJoinInputs]int

// leastSpread returns the set with the least spread among those that contain the pivot, the earliest of equal ones. All
// queues have a sample of this epoch. The result is certain if no sample that is still to come can be in a set with less spread.
//
// It goes through the sets that consist, for a stamp, of the first sample of each input from that stamp on.
func (m *matcher) leastSpread(pivot int64) (best positions, certain bool) {
	var at positions
	least := uint64(math.MaxUint64)
	for {
		first, begin, end, known := 0, int64(math.MaxInt64), pivot, true
		for i := range m.inputs {
			if m.has(i, at[i]) {
				stamp := m.inputs[i].queue.at(at[i]).stamp
				if end = max(end, stamp); stamp < begin {
					first, begin = i, stamp
				}
				continue
			}
			if m.endedEpoch(i) {
				return best, true
			}
			known, end = false, max(end, m.earliest(i))
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

// distance returns to - from, in nanoseconds, for from <= to. The difference of any two stamps fits.
func distance(from, to int64) uint64 { return uint64(to) - uint64(from) }
