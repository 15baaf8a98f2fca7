// Package plan says what is compared: the workloads, the peers of each, and the bars that shmbus should meet. It runs them in turns.
package plan

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/bench/internal/figures"
)

// A Runner runs a workload once.
type Runner struct {
	Name string
	Run  func(ctx context.Context) (figures.Figures, error)
	// Installed returns nil, or what is missing. A nil Installed needs nothing.
	Installed func(ctx context.Context) error
}

// A Peer is another transport with the same workload, or a floor.
type Peer struct {
	Runner
	Key     string // selects the peer
	Against []Comparison
}

// A Comparison is a figure of ours divided by that of the peer.
type Comparison struct {
	Metric string
	Ours   string // name of our runner
	Bar    *Bar   // nil: the ratio is only shown
}

// A Bar is a limit that the ratio should meet.
type Bar struct {
	AtMost bool // otherwise at least
	Limit  float64
}

// Met reports whether a ratio meets the bar.
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

// A Workload is work that shmbus and its peers do.
type Workload struct {
	Key   string
	Title string
	Ours  []Runner
	Peers []Peer
}

// Metrics are the figures of one of our runners that are compared with a peer, in order.
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
