package record

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Spacing summarises differences between two intervals, as absolute values; the percentiles to within 1 %.
type Spacing struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// spacing collects differences.
type spacing struct{ h *hdrhistogram.Histogram }

// longest is the largest difference that is told from larger ones.
const longest = 24 * time.Hour

func newSpacing() spacing { return spacing{hdrhistogram.New(1, int64(longest), 2)} }

func (s spacing) add(d time.Duration) {
	if d < 0 {
		d = -d
	}
	if d < 0 || d > longest { // the most negative Duration has no positive one
		d = longest
	}
	// An error would mean a value out of range, and there is none.
	_ = s.h.RecordValue(int64(d))
}

func (s spacing) result() Spacing {
	return Spacing{
		P50: time.Duration(s.h.ValueAtQuantile(50)),
		P99: time.Duration(s.h.ValueAtQuantile(99)),
		Max: time.Duration(s.h.Max()),
	}
}
