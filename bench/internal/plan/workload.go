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

// A Bar is a limit that a ratio or a figure should meet in each regime.
type Bar struct {
	AtMost    bool    // otherwise at least
	Near, Far float64 // 0: none in that regime
}

// limit is 0 where there is none.
func (b *Bar) limit(r Regime) float64 { return map[Regime]float64{Near: b.Near, Far: b.Far}[r] }

// In reports whether there is a limit in a regime. A nil bar has none.
func (b *Bar) In(r Regime) bool { return b != nil && b.limit(r) > 0 }

// Met reports whether a ratio meets the limit of a regime that has one.
func (b *Bar) Met(r Regime, ratio float64) bool {
	if b.AtMost {
		return ratio <= b.limit(r)
	}
	return ratio >= b.limit(r)
}

// Text is the limit of a regime that has one.
func (b *Bar) Text(r Regime) string {
	sign := ">="
	if b.AtMost {
		sign = "<="
	}
	if limit := b.limit(r); limit >= 10 {
		return fmt.Sprintf("%s %.0f", sign, limit)
	}
	return fmt.Sprintf("%s %.2f", sign, b.limit(r))
}

// A Workload is work that shmbus and its peers do.
type Workload struct {
	Key   string
	Title string
	Ours  []Runner
	Peers []Peer
	Alone []Comparison // of ours with the bar itself, where the figure and not a ratio should meet it
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
	for _, c := range w.Alone {
		if c.Ours == ours {
			all = append(all, c.Metric)
		}
	}
	return all
}

func atMost(near, far float64) *Bar  { return &Bar{AtMost: true, Near: near, Far: far} }
func atLeast(near, far float64) *Bar { return &Bar{Near: near, Far: far} }
