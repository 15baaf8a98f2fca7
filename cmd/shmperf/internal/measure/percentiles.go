// Package measure takes the figures of a measurement: delays and their percentiles, what a process used of the machine, system calls
// per message, and the machine itself. It also paces a sender.
package measure

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxDelay is the longest delay that the histogram distinguishes from longer ones.
const maxDelay = int64(10 * time.Minute)

// A Recorder counts delays in a histogram of three significant digits. It is for one goroutine.
type Recorder struct{ h *hdrhistogram.Histogram }

// NewRecorder returns an empty recorder.
func NewRecorder() Recorder { return Recorder{hdrhistogram.New(1, maxDelay, 3)} }

// Record counts a delay in nanoseconds. A negative delay, which the clocks of two processes may show, counts as 0.
func (r Recorder) Record(ns int64) {
	_ = r.h.RecordValue(min(max(ns, 0), maxDelay)) // the only error is a value out of range
}

// Reset empties the recorder.
func (r Recorder) Reset() { r.h.Reset() }

// Result returns the percentiles of the recorded delays, nil without any.
func (r Recorder) Result() *Percentiles {
	if r.h.TotalCount() == 0 {
		return nil
	}
	return &Percentiles{
		P50: r.h.ValueAtQuantile(50), P90: r.h.ValueAtQuantile(90), P99: r.h.ValueAtQuantile(99),
		P999: r.h.ValueAtQuantile(99.9), Max: r.h.Max(), Mean: int64(r.h.Mean()),
	}
}

// Percentiles are percentiles, maximum and mean of delays, in nanoseconds.
type Percentiles struct {
	P50  int64 `json:"p50"`
	P90  int64 `json:"p90"`
	P99  int64 `json:"p99"`
	P999 int64 `json:"p999"`
	Max  int64 `json:"max"`
	Mean int64 `json:"mean"`
}

// Medians returns the median of each percentile over several rounds, nil without rounds.
func Medians(rounds []*Percentiles) *Percentiles {
	if len(rounds) == 0 {
		return nil
	}
	of := func(figure func(*Percentiles) int64) int64 {
		all := make([]int64, len(rounds))
		for i, p := range rounds {
			all[i] = figure(p)
		}
		return Median(all)
	}
	return &Percentiles{
		P50: of(func(p *Percentiles) int64 { return p.P50 }), P90: of(func(p *Percentiles) int64 { return p.P90 }),
		P99: of(func(p *Percentiles) int64 { return p.P99 }), P999: of(func(p *Percentiles) int64 { return p.P999 }),
		Max: of(func(p *Percentiles) int64 { return p.Max }), Mean: of(func(p *Percentiles) int64 { return p.Mean }),
	}
}

// Median returns the middle figure, the lower of the two middle ones of an even number.
func Median[N int64 | uint64 | float64](figures []N) N {
	all := slices.Sorted(slices.Values(figures))
	return all[(len(all)-1)/2]
}
