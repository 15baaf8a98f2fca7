package shmtransport

// timeLimits decides by publish stamps which samples a Reader delivers. A sample that is not delivered is taken, released and counted
// as stale or filtered. Its publisher cannot tell that from a receive, so a lossless one does not wait longer.
//
// Stamps are bytes of another process. A stamp in the future has age 0. A stamp before that of the last delivered sample of its
// publisher is delivered, and separation counts from there; a publisher with one stamp in the far future therefore loses at most the
// effect of the limit, not its samples. A publisher whose stamps never change gets one sample delivered; the others are counted.
//
// All fields need the Reader's lock.
type timeLimits struct {
	maxAge        int64 // ns, 0 = none
	minSeparation int64 // ns, 0 = none
	now           int64 // the clock in this pass, read when the first stamp is checked; 0 = not read yet
	left          int   // number of samples that this pass may still skip
}

// maxSkipped is the number of samples that a Reader skips before it looks at its context: some 50 µs.
const maxSkipped = 1024

// lastDelivered is the stamp from which the separation of a publisher's next sample counts.
type lastDelivered struct {
	known bool
	stamp int64
}

// beginPass begins the work between two looks at the context.
func (r *Reader) beginPass() {
	if r.limited {
		r.limits.now, r.limits.left = 0, maxSkipped
	}
}

// isStale reports whether a sample is too old to be delivered.
func (r *Reader) isStale(stamp int64) bool {
	f := &r.limits
	if f.maxAge == 0 {
		return false
	}
	if f.now == 0 {
		f.now = r.clock.Now()
	}
	return stamp < f.now-f.maxAge
}

// isTooSoon reports whether less than separation, in ns, has passed since the last delivered sample.
func (d *lastDelivered) isTooSoon(stamp, separation int64) bool {
	return d.known && stamp >= d.stamp && uint64(stamp)-uint64(d.stamp) < uint64(separation)
}

// rejects reports whether a sample that was just taken is not delivered. It then releases and counts the sample. Losses before it count
// with the link's next delivered sample.
func (r *Reader) rejects(s *Sample) bool {
	l := s.link
	switch {
	case r.isStale(s.stamp):
		r.stats.Stale()
	case r.limits.minSeparation > 0 && l.delivered.isTooSoon(s.stamp, r.limits.minSeparation):
		r.stats.Filtered()
	default:
		l.delivered = lastDelivered{true, s.stamp}
		s.lost, l.lost = s.lost+l.lost, 0
		return false
	}
	s.discard()
	*s = Sample{}
	r.limits.left--
	return true
}

// takeDelivered skips s, which the link gave, and samples after it, until one is delivered.
func (r *Reader) takeDelivered(l *Link, s *Sample) (outcome, error) {
	for r.rejects(s) {
		if r.limits.left <= 0 {
			return skipped, nil
		}
		if o, err := l.take(s, 0); o != taken {
			return o, err
		}
	}
	return taken, nil
}

// keepDelivered moves the samples of a run that are delivered to its beginning and returns their number.
func (r *Reader) keepDelivered(run []Sample) (n int) {
	for i := range run {
		if r.rejects(&run[i]) {
			continue
		}
		if n != i {
			run[n], run[i] = run[i], Sample{}
		}
		n++
	}
	return n
}

// ringSamples returns the number of samples that may be there to take.
func (r *Reader) ringSamples() (n int) {
	for _, l := range *r.links.Load() {
		n += l.ring.Depth() + len(l.keyTable)
	}
	for _, l := range r.ended {
		if l.kept != nil {
			n += len(l.kept)
		} else {
			n += l.ring.Depth() + len(l.keyTable)
		}
	}
	return n
}
