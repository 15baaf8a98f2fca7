package shmtransport

import (
	"slices"

	"github.com/shmbus/shmbus/internal/failpoint"
)

// latencyEvery is how many samples share one clock reading for the latency histogram.
const latencyEvery = 16

// count counts a sample.
func (r *Reader) count(s *Sample) {
	if r.taken%latencyEvery == 0 {
		r.block.Latency(r.clock.Now() - s.stamp)
	}
	r.block.Received(s.payload.Len(), s.stamp, s.lost)
	r.taken++
	r.changed()
	failpoint.At("take.count")
}

// countUp brings the figures up to date that no single goroutine keeps: samples held, samples left to take, and payloads that
// could not be decoded. Called with mu held, so that an earlier count never replaces a later one.
func (r *Reader) countUp() {
	var held int64
	var lag uint64
	for _, links := range [][]*Link{*r.links.Load(), r.ended} {
		for _, l := range links {
			held += l.unreleased()
			lag += l.lag()
		}
	}
	r.former = slices.DeleteFunc(r.former, func(l *Link) bool {
		n := l.unreleased()
		held += n
		return n == 0
	})
	r.block.SetHeld(held)
	r.block.SetLag(lag)
	r.block.SetUndecodable(r.wrong.Load())
}

// lag is how many samples are in the ring and not yet taken, as far as the head says. The link is mapped.
func (l *Link) lag() (n uint64) {
	if l.kept != nil {
		return uint64(len(l.kept)) - l.cursorWord.Load()
	}
	l.glance(func() {
		next, head := l.cursorWord.Load(), l.head.Load()
		if next != 0 && head >= next {
			n = min(head+1-next, uint64(l.ring.depth()))
		}
	})
	return n
}
