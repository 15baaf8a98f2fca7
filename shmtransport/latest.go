package shmtransport

import "github.com/shmbus/shmbus/internal/closed"

// Latest fills s with the newest sample there is, also one that was received before, and reports whether there is one. Of
// several publishers it is that of the one that published last. What is older is passed over: it is not received later, and
// does not count as lost. Like TryReceive it does not wait, also not for a goroutine that receives.
func (r *Reader) Latest(s *Sample) (bool, error) {
	if r.closed.Load() {
		return false, closed.Error("the subscriber is closed")
	}
	if !r.turn.tryAcquire() {
		return false, nil
	}
	defer r.turn.release()
	for range lapsOfPatience {
		o, err := r.latest(s)
		if o != again {
			return o == taken, err
		}
	}
	return false, nil
}

// latest asks every link once.
func (r *Reader) latest(s *Sample) (outcome, error) {
	result, newest := nothing, false
	for _, l := range *r.links.Load() {
		var one Sample
		o, fresh, err := l.latest(&one)
		switch {
		case o == taken && result == taken && one.stamp < s.stamp:
			one.Release()
		case o == taken:
			s.Release() // the zero Sample has nothing to release
			*s, newest, result = one, fresh, taken
		case err != nil:
			r.fail(l, err)
		case o == heldLimit:
			s.Release()
			*s = Sample{}
			return o, r.tooManyHeld(l)
		case result == nothing:
			result = o
		}
	}
	if newest {
		r.count(s)
	} else {
		r.show()
	}
	return result, nil
}

// latest hands out the newest sample, also one that was taken before, and reports whether it was not. What it passes over is
// not lost: nobody wants it.
func (l *Link) latest(s *Sample) (o outcome, fresh bool, err error) {
	if !l.admitted {
		if ok, err := l.connected(); !ok {
			return nothing, false, err
		}
	}
	cursor := l.cursor
	for range 8 {
		newest := l.head.Load()
		if l.ended() {
			newest = l.newest()
		}
		if newest < l.start || newest >= l.cursor+1<<40 {
			return nothing, false, nil
		}
		// Of those that were taken back the one before is the newest, as long as there is one.
		for at := newest; at >= l.start && newest-at < uint64(l.ring.depth()); at-- {
			word := l.ring.word(at).Load()
			if ahead(word, at) != 0 {
				break
			}
			l.cursor = at
			o, err = l.claim(s, word)
			l.cursor = cursor
			if o == taken && at >= cursor {
				l.cursor = at
				l.advance()
				return taken, true, nil
			}
			if o != gone {
				return o, false, err
			}
		}
	}
	return again, false, nil
}
