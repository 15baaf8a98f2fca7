package plan

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/bench/internal/figures"
)

// A Runner does a workload once.
type Runner struct {
	Name string
	Run  func(ctx context.Context) (figures.Figures, error)
	// Installed returns nil, or what is missing; nil needs nothing.
	Installed func(ctx context.Context) error
}

// A Peer is somebody who does what we do, or a floor below which nobody gets.
type Peer struct {
	Runner
	Key     string // what the peer is selected by
	Against []Comparison
}

// A Comparison is a figure of ours divided by that of the peer.
type Comparison struct {
	Metric string
	Ours   string // name of our runner
	Bar    *Bar   // nil: it is only shown
}

// A Bar is what the ratio should be.
type Bar struct {
	AtMost bool // otherwise at least
	Limit  float64
}

// Met reports whether a ratio is as it should be.
func (b *Bar) Met(ratio float64) bool {
	if b.AtMost {
		return ratio <= b.Limit
	}
	return ratio >= b.Limit
}

func (b *Bar) String() string {
	if b.AtMost {
		return fmt.Sprintf("<= %.2f", b.Limit)
	}
	return fmt.Sprintf(">= %.2f", b.Limit)
}

// A Workload is something that we and others do.
type Workload struct {
	Key   string
	Title string
	Ours  []Runner
	Peers []Peer
}

// Metrics are the figures of one of our runners that are compared with anything, in order.
func (w *Workload) Metrics(ours string) (all []string) {
	seen := map[string]bool{}
	for _, p := range w.Peers {
		for _, c := range p.Against {
			if c.Ours == ours && !seen[c.Metric] {
				seen[c.Metric] = true
				all = append(all, c.Metric)
			}
		}
	}
	return all
}

func atMost(limit float64) *Bar  { return &Bar{AtMost: true, Limit: limit} }
func atLeast(limit float64) *Bar { return &Bar{Limit: limit} }
