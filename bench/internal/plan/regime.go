package plan

import (
	"context"
	"slices"
)

// A Regime says how far apart the two processors are. The host of a virtual machine moves them, which changes ratios too.
type Regime string

// The regimes.
const (
	Near    Regime = "near"
	Far     Regime = "far"
	Unknown Regime = "unknown" // was not measured
)

// farFrom is the delay of one cache line between two processes in C from which on the regime is far, in nanoseconds.
const farFrom = 150

// RegimeOf returns the regime for the delay of one cache line in nanoseconds, 0 for an unknown delay.
func RegimeOf(spin float64) Regime {
	switch {
	case spin <= 0:
		return Unknown
	case spin < farFrom:
		return Near
	}
	return Far
}

// Probed is the state of the machine, the zero value if it is unknown.
type Probed struct {
	Spin        float64 // delay of one cache line between two processes in C, in nanoseconds
	Undisturbed float64 // share of the time in which both processes had a processor
}

// A Probe measures the state of the machine.
type Probe func(ctx context.Context) (Probed, error)

// Regimes returns the regimes in which turns were taken.
func (r Results) Regimes() (all []Regime) {
	for _, regime := range []Regime{Near, Far, Unknown} {
		if len(r.In(regime).Probes()) > 0 {
			all = append(all, regime)
		}
	}
	return all
}

// In returns the results with the turns of one regime only.
func (r Results) In(regime Regime) Results {
	part := Results{}
	for key, record := range r {
		kept := *record
		kept.Turns = slices.DeleteFunc(slices.Clone(record.Turns), func(t Turn) bool { return RegimeOf(t.Probed.Spin) != regime })
		part[key] = &kept
	}
	return part
}

// Probes returns what the probes before the turns measured, one for each turn.
func (r Results) Probes() (all []Probed) {
	for _, record := range r {
		for _, t := range record.Turns {
			all = append(all, t.Probed)
		}
	}
	return all
}
