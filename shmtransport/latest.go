package shmtransport

import (
	"slices"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// Latest fills s with the newest sample and reports whether there is one. It may be a sample that was received before.
// With several publishers it is the sample that was published last. Older samples are skipped: they are not received
// later and do not count as lost. Like TryReceive it does not wait, and returns false while another goroutine receives.
// If the newest sample is older than MaxAge there is none. MinSeparation does not apply to Latest, but counts from its samples.
func (r *Reader) Latest(s *Sample) (ok bool, err error) {
	s.link = nil
	for faulted := true; faulted; {
		ok, faulted, err = r.tryLatest(s)
	}
	return ok, err
}

func (r *Reader) tryLatest(s *Sample) (ok, faulted bool, err error) {
	if r.closed.Load() {
		return false, false, errdefs.Closed("the subscriber is closed")
	}
	if !r.lock.tryAcquire() {
		return false, false, nil
	}
	var candidate [1]Sample
	defer r.endGuarded(sigbus.Guard(), s, candidate[:], nil, &faulted)
	r.beginPass()
	for range maxLapRetries {
		if o, err := r.latest(s, &candidate[0]); o != lapped {
			return o == taken, false, err
		}
	}
	return false, false, nil
}

// latest checks every link once. It returns the newest sample in s and uses one for the others.
func (r *Reader) latest(s, one *Sample) (outcome, error) {
	if r.needsPrune.Load() {
		r.prune()
	}
	links := *r.links.Load()
	if len(r.ended) > 0 {
		links = slices.Concat(links, r.ended)
	} else if len(links) == 1 && links[0].repeatLast(s) {
		if r.isStale(s.stamp) {
			s.discard()
			*s = Sample{}
			return noSample, nil
		}
		r.statsChanged()
		return taken, nil
	}
	result, newest := noSample, false
	for _, l := range links {
		*one = Sample{}
		o, fresh, err := l.latest(one)
		switch {
		case o == taken && result == taken && one.stamp < s.stamp:
			one.discard()
		case o == taken:
			if result == taken {
				s.discard()
			}
			*s, newest, result = *one, fresh, taken
			*one = Sample{}
		case err != nil:
			r.failLink(l, err)
		case o == heldLimit:
			if result == taken {
				s.discard()
				*s = Sample{}
			}
			return o, r.tooManyHeld(l)
		case result == noSample:
			result = o
		}
	}
	if result == taken && r.limited && r.isStale(s.stamp) {
		if newest {
			r.stats.Stale()
		}
		s.discard()
		*s, result, newest = Sample{}, noSample, false
	}
	if len(r.ended) > 0 {
		r.endPassedOver(s.link)
	}
	switch {
	case newest:
		s.link.delivered = lastDelivered{true, s.stamp}
		r.countSample(s)
	case result == taken:
		r.statsChanged()
	}
	return result, nil
}

// discard releases a sample that is older than another candidate. Losses before it are counted with the link's next
// sample. Called with the lock.
func (s *Sample) discard() {
	s.link.lost += s.lost
	s.Release()
}

// latest returns the newest sample in s, and in fresh whether it was not taken before. Skipped samples do not count as
// lost.
func (l *Link) latest(s *Sample) (o outcome, fresh bool, err error) {
	if l.phase != linkAdmitted {
		if l.phase == linkKept {
			o, fresh = l.latestKept(s)
			return o, fresh, nil
		}
		if ok, err := l.beginIfReady(); !ok {
			return noSample, false, err
		}
	}
	newest := l.cursor - 1 // the minimum, whatever the head says
	// Withdrawn samples are rare and never return, so a valid ring needs only a few loads of each entry. A ring that
	// claims more has no latest sample.
	budget := 4 * l.ring.Depth()
	loads := budget
	for range 8 {
		if loads < 0 {
			return noSample, false, nil
		}
		if l.ended() {
			loads -= l.ring.Depth()
			newest = max(newest, l.newest())
		} else {
			newest = max(newest, l.head.Load())
		}
		if newest < l.start || newest >= l.cursor+1<<40 {
			return noSample, false, nil
		}
		var back int
		o, back, err = l.acquireNewest(s, newest)
		loads -= back
		switch {
		case o == withdrawn:
			return noSample, false, nil
		case o == lapped:
			if d := ring.Ahead(l.ring.Word(newest).Load(), newest); d > 0 {
				newest += uint64(d)
			}
		case o == taken && s.sequence >= l.cursor:
			l.keys = keyScan{}
			l.cursor = s.sequence
			l.advance()
			return taken, true, nil
		case o == taken:
			l.lost, s.lost = s.lost, 0 // counted with the next fresh sample
			return taken, false, nil
		default:
			return o, false, err
		}
	}
	if budget-loads > maxLapRetries {
		return noSample, false, nil // the next attempt would cost as much
	}
	return lapped, false, nil
}

// acquireNewest acquires the sample at newest or, if that was withdrawn, the one before it, and so on. It also returns
// the number of samples it went back.
func (l *Link) acquireNewest(s *Sample, newest uint64) (_ outcome, back int, _ error) {
	for at := newest; at >= l.start && newest-at < uint64(l.ring.Depth()); at, back = at-1, back+1 {
		o, err := l.acquire(s, at, 0)
		switch {
		case err != nil || o == taken || o == heldLimit:
			return o, back, err
		case o != withdrawn:
			return lapped, back, nil // it is not there, or no longer, and so were those before it
		case l.head.Load() > newest:
			return lapped, back, nil // it was taken back after there was a newer one
		}
	}
	return withdrawn, back, nil
}

// repeatLast returns once more the copy of a small sample that was made last, if it is not held and is still the
// newest: the word of the next sample is not in the ring. It loads no other memory of the publisher. As long as there
// is no newer sample that word does not change, so neither process waits for the other's cache.
func (l *Link) repeatLast(s *Sample) bool {
	k := l.lastCopied
	c := l.copies[k]
	if c == nil || c.Sequence == 0 || c.Sequence+1 != l.cursor || holding(l.holdings[k].Load()).active() {
		return false
	}
	if ring.Ahead(l.ring.Word(l.cursor).Load(), l.cursor) >= 0 {
		return false
	}
	s.sequence, s.stamp, s.payload = c.Sequence, c.Stamp, mem.SpanOfWords(c.Words[:], c.N)
	l.handOut(s, k, holdsCopy)
	l.lost, s.lost = s.lost, 0 // counted with the next fresh sample
	return true
}
