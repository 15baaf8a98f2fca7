package record

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// LatePolicy says what becomes of a message that is late by more than PlayOptions.LateAfter.
type LatePolicy int

const (
	LatePublish LatePolicy = iota // it is published at once; later ones keep their times
	LateSkip                      // it is not published; those of latched topics are
	LateSlow                      // it is published at once, and all later ones are delayed as much
)

// defaultLateAfter is the default of PlayOptions.LateAfter.
const defaultLateAfter = 10 * time.Millisecond

// Lateness says by how much messages were published after their due times. The percentiles are exact to 1 %.
type Lateness struct {
	P50     time.Duration    `json:"p50_ns"`
	P99     time.Duration    `json:"p99_ns"`
	Max     time.Duration    `json:"max_ns"`
	Buckets []LatenessBucket `json:"buckets,omitempty"` // of the messages, skipped ones included; without empty ones at the end
}

// A LatenessBucket counts the messages that were late by more than the bucket before has, and at most Within.
type LatenessBucket struct {
	Within   time.Duration `json:"within_ns"` // 0 = any
	Messages int64         `json:"messages"`
}

// lateness collects how late messages were.
type lateness struct {
	h       *hdrhistogram.Histogram
	skipped uint64
}

func newLateness() lateness { return lateness{h: hdrhistogram.New(1, int64(maxSpacing), 2)} }

func (l *lateness) add(d time.Duration) {
	// RecordValue fails only for values out of range.
	_ = l.h.RecordValue(int64(min(max(d, 0), maxSpacing)))
}

func (l *lateness) result() Lateness {
	if l.h.TotalCount() == 0 {
		return Lateness{}
	}
	return Lateness{
		P50: time.Duration(l.h.ValueAtQuantile(50)), P99: time.Duration(l.h.ValueAtQuantile(99)), Max: time.Duration(l.h.Max()),
		Buckets: l.buckets(),
	}
}

// buckets are powers of ten from 10 us to 1 s.
func (l *lateness) buckets() (all []LatenessBucket) {
	limit := 10 * time.Microsecond
	for _, bar := range l.h.Distribution() {
		for limit > 0 && time.Duration(bar.To) > limit || len(all) == 0 {
			if len(all) > 0 {
				limit *= 10
			}
			if limit > time.Second {
				limit = 0
			}
			all = append(all, LatenessBucket{Within: limit})
		}
		all[len(all)-1].Messages += bar.Count
	}
	for len(all) > 0 && all[len(all)-1].Messages == 0 {
		all = all[:len(all)-1]
	}
	return all
}
