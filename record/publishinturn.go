package record

import (
	"cmp"
	"context"
	"slices"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// maxReplaced is the number of publishers that are replaced together. A new publisher waits until each subscription has found it. Several
// at once share this wait, and the search of the subscribers for what has changed.
const maxReplaced = 64

// replaceFinished creates a publisher for a stream when the participant has reached its limit. It closes publishers without more messages
// in this pass and without a latched sample, and creates those of the streams that come next.
func (pl *player) replaceFinished(ctx context.Context, st *replayStream) (*replayPublisher, error) {
	n := pl.closeFinished()
	errs := pl.openPublishers(ctx, append([]*replayStream{st}, pl.unopened(st, n-1)...))
	if errs[0] != nil { // others are found again with their first message
		return nil, errs[0]
	}
	return st.publishers[len(st.publishers)-1], nil
}

// closeFinished closes the publishers that were unused for the longest time, and returns their number.
func (pl *player) closeFinished() int {
	var finished []*replayPublisher
	for _, st := range pl.set.streams {
		if !st.latched && st.left == 0 {
			finished = append(finished, st.publishers...)
		}
	}
	slices.SortFunc(finished, func(p, q *replayPublisher) int { return cmp.Compare(p.lastUsed, q.lastUsed) })
	finished = finished[:min(len(finished), maxReplaced)]
	for _, p := range finished {
		p.stream.remove(p)
	}
	return len(finished)
}

// unopened returns up to n streams with messages and without a publisher, except st, in the order of their first messages.
func (pl *player) unopened(st *replayStream, n int) []*replayStream {
	var next []*replayStream
	for _, other := range pl.set.streams {
		if other != st && other.left > 0 && len(other.publishers) == 0 {
			next = append(next, other)
		}
	}
	slices.SortStableFunc(next, func(a, b *replayStream) int { return cmp.Compare(a.first(), b.first()) })
	return next[:max(min(len(next), n), 0)]
}

// first returns the log time of the first message.
func (st *replayStream) first() uint64 {
	return slices.MinFunc(st.channels, func(a, b *mcapfile.ChannelPlan) int { return cmp.Compare(a.First, b.First) }).First
}

// closeOldest closes a publisher to make room for another one. It prefers publishers without a latched sample, then those
// with no more messages in this pass, then the one that was unused for the longest time.
func (pl *player) closeOldest() bool {
	var oldest *replayPublisher
	before := func(p, q *replayPublisher) bool {
		if p.stream.latched != q.stream.latched {
			return q.stream.latched
		}
		if p.stream.left == 0 != (q.stream.left == 0) {
			return p.stream.left == 0
		}
		return p.lastUsed < q.lastUsed
	}
	for _, st := range pl.set.streams {
		for _, p := range st.publishers {
			if oldest == nil || before(p, oldest) {
				oldest = p
			}
		}
	}
	if oldest == nil {
		return false
	}
	oldest.stream.remove(oldest)
	return true
}
