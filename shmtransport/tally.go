package shmtransport

import (
	"slices"

	"github.com/shmbus/shmbus/internal/killpoint"
)

// latencyEvery is how many samples share one clock reading for the latency histogram.
const latencyEvery = 16

// count counts a sample.
func (r *Reader) count(s *Sample) {
	r.tally(s)
	if r.taken%latencyEvery == 1 || len(*r.links.Load()) <= latencyEvery {
		r.show()
	}
}

// tally is count without the figures that are worth looking at only once for several samples.
func (r *Reader) tally(s *Sample) {
	if r.taken%latencyEvery == 0 {
		r.block.SetLag(s.link.lag()) // first: what ends in a fault here is not received
		r.block.Latency(r.clock.Now() - s.stamp)
	}
	r.block.Received(s.payload.Len(), s.stamp, s.lost)
	r.taken++
	killpoint.At("take.count")
}

// show brings figures up to date that any goroutine may have changed.
func (r *Reader) show() {
	r.block.SetHeld(r.held())
	r.block.SetUndecodable(r.wrong.Load())
}

// held is how many samples the application has not released.
func (r *Reader) held() (n int64) {
	for _, l := range *r.links.Load() {
		n += l.unreleased()
	}
	if len(r.former) > 0 {
		r.former = slices.DeleteFunc(r.former, func(l *Link) bool { return l.unreleased() == 0 })
		for _, l := range r.former {
			n += l.unreleased()
		}
	}
	return n
}

// lag is how many samples were published and not yet taken, as far as the head says.
func (l *Link) lag() uint64 {
	if h := l.head.Load(); h >= l.cursor {
		return h + 1 - l.cursor
	}
	return 0
}
