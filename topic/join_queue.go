package topic

import "github.com/shmbus/shmbus/shmtransport"

// A joinEntry is a sample that waits in a join for samples of the other inputs.
type joinEntry struct {
	stamp  int64 // nanoseconds; the clock is the same for all inputs
	since  int64 // when it was received, in nanoseconds of CLOCK_MONOTONIC
	epoch  uint64
	sample shmtransport.Sample
}

// A joinQueue has the waiting samples of one input, ascending by epoch and stamp, those with equal stamps in the order of
// arrival. Its memory is allocated once.
type joinQueue struct {
	entries []joinEntry // a circular buffer
	begin   int         // index of the first sample
	n       int
}

func newJoinQueue(capacity int) joinQueue { return joinQueue{entries: make([]joinEntry, capacity)} }

func (q *joinQueue) len() int { return q.n }

// at returns the sample at position i from the oldest.
func (q *joinQueue) at(i int) *joinEntry { return &q.entries[(q.begin+i)%len(q.entries)] }

func (q *joinQueue) front() *joinEntry { return q.at(0) }

// insert adds a sample. There must be room. In the common case it is the newest and nothing moves.
func (q *joinQueue) insert(e joinEntry) {
	i := q.n
	q.n++
	for ; i > 0 && q.at(i-1).epoch == e.epoch && q.at(i-1).stamp > e.stamp; i-- {
		*q.at(i) = *q.at(i - 1)
	}
	*q.at(i) = e
}

// pop removes the oldest sample.
func (q *joinQueue) pop() joinEntry {
	e := *q.front()
	*q.front() = joinEntry{} // the queue must not keep a removed publisher's memory alive
	q.begin = (q.begin + 1) % len(q.entries)
	q.n--
	return e
}
