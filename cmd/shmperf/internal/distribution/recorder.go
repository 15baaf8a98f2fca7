package distribution

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the longest delay that is told from longer ones.
const longest = int64(10 * time.Minute)

// A Recorder counts delays in a histogram of three significant digits. It is for one goroutine.
type Recorder struct{ h *hdrhistogram.Histogram }

// NewRecorder returns one that has counted nothing.
func NewRecorder() Recorder { return Recorder{hdrhistogram.New(1, longest, 3)} }

// Record counts a delay in nanoseconds. One below 0, which clocks of two processes may show, counts as 0.
func (r Recorder) Record(ns int64) {
	_ = r.h.RecordValue(min(max(ns, 0), longest)) // the only error is a value out of range
}

// Reset forgets what was counted.
func (r Recorder) Reset() { r.h.Reset() }

// Result returns what was counted, nil for nothing.
func (r Recorder) Result() *Percentiles {
	if r.h.TotalCount() == 0 {
		return nil
	}
	return &Percentiles{
		P50: r.h.ValueAtQuantile(50), P90: r.h.ValueAtQuantile(90), P99: r.h.ValueAtQuantile(99),
		P999: r.h.ValueAtQuantile(99.9), Max: r.h.Max(), Mean: int64(r.h.Mean()),
	}
}

// Percentiles are delays in nanoseconds that a share of all did not exceed, and the mean.
type Percentiles struct {
	P50  int64 `json:"p50"`
	P90  int64 `json:"p90"`
	P99  int64 `json:"p99"`
	P999 int64 `json:"p999"`
	Max  int64 `json:"max"`
	Mean int64 `json:"mean"`
}

// Medians returns the median of each percentile over several rounds, nil for none.
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

// Median returns the middle one of figures, the lower of the two middle ones where there is no middle.
func Median[N int64 | uint64 | float64](figures []N) N {
	all := slices.Sorted(slices.Values(figures))
	return all[(len(all)-1)/2]
}
