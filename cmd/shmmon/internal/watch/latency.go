package watch

import (
	"math"
	"time"

	"github.com/shmbus/shmbus/internal/stats"
)

type histogram = [stats.Buckets]uint32

const (
	latencyWindow = int64(10 * time.Second)
	latencyStep   = latencyWindow / 8
)

// A delays follows one subscription's histogram, which only grows, so that the delays of the last seconds can be told
// from those of its whole life.
type delays struct {
	past []pastHistogram // oldest first
	now  histogram
}

type pastHistogram struct {
	at int64
	h  histogram
}

func (d *delays) add(at int64, h histogram) {
	d.now = h
	if n := len(d.past); n == 0 || at-d.past[n-1].at >= latencyStep {
		d.past = append(d.past, pastHistogram{at, h})
	}
	// The first that is kept may be older than the window, so that the difference spans all of it.
	for len(d.past) > 1 && at-d.past[1].at >= latencyWindow {
		d.past = d.past[1:]
	}
}

// recent returns the delays of about the last ten seconds, or of the whole life when there were none.
func (d *delays) recent() histogram {
	var diff histogram
	any := false
	for i, n := range d.now {
		diff[i] = n - d.past[0].h[i] // the words wrap, and so does the difference
		any = any || diff[i] != 0
	}
	if !any {
		return d.now
	}
	return diff
}

func merge(into *histogram, h histogram) {
	for i, n := range h {
		into[i] = uint32(min(uint64(into[i])+uint64(n), math.MaxUint32))
	}
}

// quantiles returns the median and the 99th percentile in nanoseconds; -1 when no delay was sampled.
func quantiles(h *histogram) (p50, p99 int64) {
	if *h == (histogram{}) {
		return -1, -1
	}
	return stats.Percentile(h, 0.5), stats.Percentile(h, 0.99)
}
