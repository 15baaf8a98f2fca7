package record

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Spacing summarizes the differences between two intervals, as absolute values. The percentiles are exact to 1 %.
type Spacing struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// spacing collects differences.
type spacing struct{ h *hdrhistogram.Histogram }

// maxSpacing is the largest difference that is distinguished.
const maxSpacing = 24 * time.Hour

func newSpacing() spacing { return spacing{hdrhistogram.New(1, int64(maxSpacing), 2)} }

func (s spacing) add(d time.Duration) {
	if d < 0 {
		d = -d
	}
	if d < 0 || d > maxSpacing { // the most negative Duration has no positive counterpart
		d = maxSpacing
	}
	// RecordValue fails only for values out of range.
	_ = s.h.RecordValue(int64(d))
}

func (s spacing) result() Spacing {
	return Spacing{
		P50: time.Duration(s.h.ValueAtQuantile(50)),
		P99: time.Duration(s.h.ValueAtQuantile(99)),
		Max: time.Duration(s.h.Max()),
	}
}
