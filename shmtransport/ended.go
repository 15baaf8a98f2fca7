package shmtransport

import (
	"fmt"
	"slices"
)

// The ring of a publisher that ended does not change any more, and nobody watches the marks of its readers. What was not taken
// of it leaves the list of links for a queue: a little is copied, and the ring, its descriptor and the link page go at once;
// more stays where it is. So the number of ended publishers is bounded by memory alone, and those that live are found as fast
// as without them.

const (
	// maxCopiedBytes is up to how many bytes of an ended publisher are copied.
	maxCopiedBytes = 1 << 20
	// minMappedCost is what a ring that stays mapped counts at least: so few of them need no bound for descriptors and mappings.
	minMappedCost = 1 << 20
	// endedOverhead is what the rest of a publisher counts beside its samples, sampleOverhead what each of these does.
	endedOverhead  = 1 << 10
	sampleOverhead = 64
)

// A DroppedError says that samples of a publisher that closed or died were given up before they were taken.
type DroppedError struct {
	Publisher PublisherID
	Samples   uint64
	Limit     int64 // bytes that a subscription keeps of publishers that ended
}

func (e *DroppedError) Error() string {
	return fmt.Sprintf("%d samples of publisher %v, which has ended, were dropped before they were received: a subscription keeps %d bytes of publishers that ended; receive sooner, or raise MemoryLimit",
		e.Samples, e.Publisher, e.Limit)
}

// queueEnded moves what is left of a publisher that ended from the links to the queue. Called with the turn.
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
		l.lost = remainder.missing // all were taken back
		r.endLink(l)
		return
	default:
		l.lost = 0 // goes with the remainder
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

// dropOverLimit drops what is left of the publishers that ended first until the others are within the limit. The one that ended last
// stays, however large its ring is. Called with the turn.
func (r *Reader) dropOverLimit() {
	for len(r.ended) > 1 && r.endedBytes > r.opts.EndedLimit {
		l := r.ended[0]
		samples, missing := l.remaining()
		l.lost += samples + missing
		r.stats.Dropped(samples)
		r.endLink(l)
		if r.opts.Dropped != nil {
			err := &DroppedError{Publisher: l.id, Samples: samples, Limit: r.opts.EndedLimit}
			r.notify(func() { r.opts.Dropped(l.tag, err) })
		}
	}
}

// takeEnded takes the next sample of publishers that ended, from one after the other.
func (r *Reader) takeEnded(s *Sample) (result outcome, err error) {
	for i := 0; i < len(r.ended); {
		l := r.ended[i]
		if err := l.fault.Load(); err != nil {
			r.failLink(l, *err)
			continue
		}
		o, failed := l.takeEnded(s)
		switch {
		case o == taken:
			r.countSample(s)
			return taken, nil
		case o == heldLimit:
			result, err = o, r.tooManyHeld(l)
			i++
		case failed != nil:
			r.failLink(l, failed)
		case l.starved || o == lapped:
			i++
		default:
			l.lost += l.missing
			r.endLink(l)
		}
	}
	return result, err
}

// endPassedOver ends the publishers of the queue that Latest has passed over, but for that of the sample which it hands out.
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

// takeEnded is take for a publisher that ended. What a ring says now that it did not when the publisher ended is not believed.
func (l *Link) takeEnded(s *Sample) (outcome, error) {
	if l.kept == nil && l.admitted && l.cursor > l.last {
		return noSample, nil
	}
	return l.take(s)
}

// unlink takes l out of the links, or out of the queue. The next link that is looked at stays the same. Called with the turn and
// with mu held.
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

// countPublishers shows how many publishers are linked or ended and not yet read to the end. Called with mu held.
func (r *Reader) countPublishers() { r.stats.SetPublishers(len(*r.links.Load()) + len(r.ended)) }
