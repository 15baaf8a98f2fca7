package shmtransport

import (
	"slices"

	"github.com/shmbus/shmbus/internal/failpoint"
)

// latencyEvery is the number of samples for each clock reading for the latency histogram.
const latencyEvery = 16

// countSample counts a received sample.
func (r *Reader) countSample(s *Sample) {
	if r.takenCount%latencyEvery == 0 {
		r.stats.Latency(r.clock.Now() - s.stamp)
		if r.takenCount-r.awakeSince >= pollingAfter {
			r.beginPolling()
		}
	}
	r.stats.Received(s.payload.Len(), s.stamp, s.lost)
	r.takenCount++
	r.statsChanged()
	failpoint.At("take.count")
}

// updateStats updates the statistics that no single goroutine maintains: samples held, samples left to take, and
// payloads that could not be decoded. Called with mu held, so that an earlier count never replaces a later one.
func (r *Reader) updateStats() {
	var held int64
	var lag uint64
	for _, links := range [][]*Link{*r.links.Load(), r.ended} {
		for _, l := range links {
			held += l.unreleased()
			lag += l.lag()
		}
	}
	r.closedLinks = slices.DeleteFunc(r.closedLinks, func(l *Link) bool {
		n := l.unreleased()
		held += n
		return n == 0
	})
	r.stats.SetHeld(held)
	r.stats.SetLag(lag)
	r.stats.SetUndecodable(r.decodeErrors.Load())
}

// lag returns the number of samples in the ring that are not taken yet, according to the head. The link must be mapped.
func (l *Link) lag() (n uint64) {
	if l.kept != nil { // the phase needs the lock
		return uint64(len(l.kept)) - l.cursorWord.Load()
	}
	l.guarded(func() {
		next, head := l.cursorWord.Load(), l.head.Load()
		if next != 0 && head >= next {
			n = min(head+1-next, uint64(l.ring.Depth()))
		}
	})
	return n
}

// MaxHeld returns the number of samples of one publisher that may be held at once.
func (r *Reader) MaxHeld() int { return r.opts.MaxHeld }
