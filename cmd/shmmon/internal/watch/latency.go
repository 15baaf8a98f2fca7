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
	// latencyKept is for how long the last window with delays stands in for windows without one: of a subscription that takes one message
	// per second, one in sixteen seconds is sampled.
	latencyKept = int64(time.Minute)
)

// A delays follows one subscription's histogram, which only grows, so that the delays of the last seconds can be told
// from those of its whole life.
type delays struct {
	past []pastHistogram // oldest first
	last pastHistogram   // the newest window with delays; at first the whole life
}

type pastHistogram struct {
	at int64
	h  histogram
}

func (d *delays) add(at int64, h histogram) {
	if n := len(d.past); n == 0 {
		d.past, d.last = []pastHistogram{{at, h}}, pastHistogram{at, h}
	} else if at-d.past[n-1].at >= latencyStep {
		d.past = append(d.past, pastHistogram{at, h})
	}
	// The first that is kept may be older than the window, so that the difference spans all of it.
	for len(d.past) > 1 && at-d.past[1].at >= latencyWindow {
		d.past = d.past[1:]
	}
	var window histogram
	for i, n := range h {
		window[i] = n - d.past[0].h[i] // the words wrap, and so does the difference
	}
	switch {
	case window != histogram{}:
		d.last = pastHistogram{at, window}
	case at-d.last.at > latencyKept:
		d.last.h = histogram{}
	}
}

// recent returns the delays of about the last ten seconds, or those of the last minute that were sampled last.
func (d *delays) recent() histogram { return d.last.h }

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

// jitter returns how far delays spread above their median: the 99th percentile less the median; -1 when no delay was sampled.
func jitter(p50, p99 int64) int64 {
	if p50 < 0 {
		return -1
	}
	return p99 - p50
}

// Jitter is P99 less P50, ns; -1 when no delay was sampled.
func (t Topic) Jitter() int64 { return jitter(t.P50, t.P99) }

// Jitter is P99 less P50, ns; -1 when no delay was sampled.
func (s Subscriber) Jitter() int64 { return jitter(s.P50, s.P99) }
