package topic

import "math"

// has reports whether the input has a sample of this epoch at position i of its queue.
func (m *matcher) has(input, i int) bool {
	q := &m.inputs[input].queue
	return i < q.len() && q.at(i).epoch == m.epoch
}

// endedEpoch reports whether the input gives no further sample of this epoch.
func (m *matcher) endedEpoch(input int) bool {
	in := &m.inputs[input]
	return in.ended || in.epoch > m.epoch
}

// epochOver reports whether no further set of this epoch can be formed, because an input without a sample of it had a reset.
func (m *matcher) epochOver() bool {
	for i := range m.inputs {
		if m.inputs[i].epoch > m.epoch && !m.has(i, 0) {
			return true
		}
	}
	return false
}

// beginEpoch drops the samples of earlier epochs.
func (m *matcher) beginEpoch(epoch uint64) {
	m.epoch = epoch
	for i := range m.inputs {
		in := &m.inputs[i]
		in.floor = math.MinInt64
		for in.queue.len() > 0 && in.queue.front().epoch < epoch {
			m.drop(i, in.queue.pop(), StampReset, nil)
		}
	}
}

// alignEpochs is called when samples have waited for as long as they may. If they waited for an input whose stamps did not run
// back, all inputs go to the newest epoch, so that samples that are still to come can be matched.
func (m *matcher) alignEpochs() {
	newest, behind := m.epoch, false
	for i := range m.inputs {
		newest = max(newest, m.inputs[i].epoch)
		behind = behind || m.inputs[i].epoch < m.epoch
	}
	if !behind {
		return
	}
	m.beginEpoch(newest)
	for i := range m.inputs {
		if in := &m.inputs[i]; in.epoch < newest {
			in.epoch, in.newest = newest, math.MinInt64
		}
	}
}
