package history

import (
	"slices"
	"strings"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/peers"
	"github.com/shmbus/shmbus/bench/internal/plan"
	"github.com/shmbus/shmbus/bench/internal/table"
)

// The verdicts.
const (
	Met     = "met"
	NotMet  = "not met"
	NotSeen = "not seen" // a regime with a limit has no run, and no other regime misses the bar
)

// A Verdict is a bar and what the runs say about it.
type Verdict struct {
	Name     string                  `json:"name"`
	Verdict  string                  `json:"verdict"`
	Limits   map[plan.Regime]string  `json:"limits"`   // of the regimes that have one
	Measured map[plan.Regime]float64 `json:"measured"` // median of the runs, absent without runs
	metric   string
	absolute bool // a figure, not a ratio
}

// A bar is where a comparison with a bar finds its figures.
type bar struct {
	workload, peer string // peer is empty for a figure of ours
	plan.Comparison
}

func bars(workloads []plan.Workload) (all []bar) {
	for _, w := range workloads {
		for _, c := range w.Alone {
			all = append(all, bar{w.Key, "", c})
		}
		for _, p := range w.Peers {
			for _, c := range p.Against {
				all = append(all, bar{w.Key, p.Name, c})
			}
		}
	}
	return slices.DeleteFunc(all, func(b bar) bool { return b.Bar == nil })
}

// Judge returns the verdict on every bar of the workloads. A figure is the median of the runs in a regime.
func Judge(workloads []plan.Workload, entries []Entry) (all []Verdict) {
	for _, b := range bars(workloads) {
		v := Verdict{
			Name: b.name(), Verdict: Met, Limits: map[plan.Regime]string{}, Measured: map[plan.Regime]float64{}, metric: b.Metric, absolute: b.peer == "",
		}
		for _, regime := range []plan.Regime{plan.Near, plan.Far} {
			if !b.Bar.In(regime) {
				continue
			}
			v.Limits[regime] = b.Bar.Text(regime)
			measured := b.find(entries, regime)
			if len(measured) == 0 {
				if v.Verdict == Met {
					v.Verdict = NotSeen
				}
				continue
			}
			v.Measured[regime] = table.Median(measured)
			if !b.Bar.Met(regime, v.Measured[regime]) {
				v.Verdict = NotMet
			}
		}
		all = append(all, v)
	}
	return all
}

// name has the workload, our runner, the figure and the peer.
func (b bar) name() string {
	ours := trimmed(b.Ours)
	what := table.Label(b.Metric)
	if b.Metric == figures.Bytes || b.Metric == figures.Msgs {
		what = ""
	}
	name := strings.Join(strings.Fields(b.workload+": "+ours+" "+what), " ")
	if b.peer == "" {
		return name
	}
	peer, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(trimmed(b.peer), " "+peers.UCXTransports), "floor: "), ", the same publisher")
	return name + " / " + peer
}

// trimmed is the name of a runner without that of shmbus.
func trimmed(runner string) string {
	return strings.TrimPrefix(strings.TrimPrefix(runner, "shmbus"), ", ")
}

// find returns the ratio or the figure in each entry of a regime that has it.
func (b bar) find(entries []Entry, regime plan.Regime) (all []float64) {
	for _, e := range entries {
		if e.Regime != regime {
			continue
		}
		for _, f := range e.Figures {
			switch {
			case f.Workload != b.workload || f.Metric != b.Metric:
			case b.peer == "" && f.Runner == b.Ours && f.Ours == "":
				all = append(all, f.Median)
			case b.peer != "" && f.Runner == b.peer && f.Ours == b.Ours:
				all = append(all, f.Ratio)
			}
		}
	}
	return all
}

// cell is the limit of a regime and what was measured.
func (v Verdict) cell(regime plan.Regime) string {
	limit, ok := v.Limits[regime]
	if !ok {
		return ""
	}
	measured, seen := v.Measured[regime]
	switch {
	case !seen:
		return limit + ": –"
	case v.absolute:
		return limit + ": " + figures.Show(v.metric, measured)
	}
	return limit + ": " + table.Quotient(measured)
}
