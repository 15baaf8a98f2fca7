package shmtransport

import (
	"fmt"
	"slices"
)

// The ring of a publisher that ended does not change any more, so marks are not needed. Its remaining samples move from
// the list of links to a queue. A small amount is copied, and the ring, its descriptor and the link page are released
// at once; a larger ring stays mapped. So the number of ended publishers is bounded by memory alone, and checks of live
// publishers do not get slower.

const (
	// maxCopiedBytes is the size up to which the samples of an ended publisher are copied.
	maxCopiedBytes = 1 << 20
	// minMappedCost is the minimum cost of a ring that stays mapped. It bounds the number of such rings, and so of
	// descriptors and mappings.
	minMappedCost = 1 << 20
	// endedOverhead is the cost of an ended publisher beside its samples, sampleOverhead that of each sample beside
	// its payload.
	endedOverhead  = 1 << 10
	sampleOverhead = 64
)

// A DroppedError says that samples of a publisher that closed or died were dropped before they were taken.
type DroppedError struct {
	Publisher PublisherID
	Samples   uint64
	Limit     int64 // bytes that a subscription keeps of publishers that ended
}

func (e *DroppedError) Error() string {
	return fmt.Sprintf("%d samples of publisher %v, which has ended, were dropped before they were received: a subscription keeps %d bytes of publishers that ended; receive sooner, or raise MemoryLimit",
		e.Samples, e.Publisher, e.Limit)
}

// queueEnded moves the remaining samples of a publisher that ended from the links to the queue. Called with the lock.
func (r *Reader) queueEnded(l *Link) {
	remainder, ok := l.copyRemaining(r.opts.MaxHeld)
	switch {
	case !ok:
		remainder = l
		l.exited.Store(true) // whatever its memory says later
		l.last = l.newest()
		backed, _ := l.view.backed()
		l.cost = max(backed, minMappedCost)
	case len(remainder.kept) == 0:
		l.lost = remainder.missing // all were withdrawn
		r.endLink(l)
		return
	default:
		l.lost = 0 // counted by the queued link
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unlink(l)
	r.ended = append(r.ended, remainder)
	r.endedBytes += remainder.cost
	r.countPublishers()
	if remainder != l {
		r.closeLink(l)
	}
}

// dropOverLimit drops the publishers that ended first until the others are within the limit. The publisher that ended
// last stays, however large its ring is. Called with the lock.
func (r *Reader) dropOverLimit() {
	for len(r.ended) > 1 && r.endedBytes > r.opts.EndedLimit {
		l := r.ended[0]
		samples, missing := l.remaining()
		l.lost += samples + missing
		r.stats.Dropped(samples)
		r.endLink(l)
		if r.opts.Dropped != nil {
			err := &DroppedError{Publisher: l.id, Samples: samples, Limit: r.opts.EndedLimit}
			r.notify(func() { r.opts.Dropped(l.userData, err) })
		}
	}
}

// takeEnded takes the next sample of the publishers that ended, in their order.
func (r *Reader) takeEnded(s *Sample) (result outcome, err error) {
	for i := 0; i < len(r.ended); {
		l := r.ended[i]
		if err := l.fault.Load(); err != nil {
			r.failLink(l, *err)
			continue
		}
		o, failed := l.takeEnded(s)
		switch {
		case o == taken && r.limited && r.rejects(s):
			if r.limits.left <= 0 {
				return skipped, nil
			}
		case o == taken:
			r.countSample(s)
			return taken, nil
		case o == heldLimit:
			result, err = o, r.tooManyHeld(l)
			i++
		case failed != nil:
			r.failLink(l, failed)
		case l.phase == linkStarved || o == lapped:
			i++
		default:
			l.lost += l.missing
			r.endLink(l)
		}
	}
	return result, err
}

// endPassedOver ends the queued publishers that Latest has passed over, except the publisher of the sample that it
// returns.
func (r *Reader) endPassedOver(chosen *Link) {
	for range len(r.ended) {
		l := r.ended[0]
		if samples, _ := l.remaining(); samples == 0 && l != chosen {
			r.endLink(l)
			continue
		}
		r.mu.Lock()
		r.ended = append(r.ended[1:], l)
		r.mu.Unlock()
	}
}

// takeEnded is take for a publisher that ended. Samples beyond the newest sequence at that time are ignored.
func (l *Link) takeEnded(s *Sample) (outcome, error) {
	if l.phase == linkAdmitted && l.cursor > l.last {
		return noSample, nil
	}
	return l.take(s, 0)
}

// unlink removes l from the links or from the queue. nextLink keeps its position. Called with the lock and with mu
// held.
func (r *Reader) unlink(l *Link) {
	if k := slices.Index(r.ended, l); k == 0 {
		r.ended[0] = nil
		r.ended = r.ended[1:] // there may be very many
		r.endedBytes -= l.cost
		return
	} else if k > 0 {
		r.ended = slices.Delete(r.ended, k, k+1)
		r.endedBytes -= l.cost
		return
	}
	links := *r.links.Load()
	if k := slices.Index(links, l); k >= 0 {
		links = slices.Delete(slices.Clone(links), k, k+1)
		delete(r.linked, l.id)
		if k < r.nextLink {
			r.nextLink--
		}
		r.links.Store(&links)
	}
}

// countPublishers updates the number of publishers that are linked, or have ended with samples left. Called with mu
// held.
func (r *Reader) countPublishers() { r.stats.SetPublishers(len(*r.links.Load()) + len(r.ended)) }
