package plan

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestRegimeOf_Delays(t *testing.T) {
	for spin, want := range map[float64]Regime{0: Unknown, 60: Near, 149.9: Near, 150: Far, 600: Far} {
		if got := RegimeOf(spin); got != want {
			t.Errorf("%v ns: got %s, want %s", spin, got, want)
		}
	}
}

func TestInterleave_EveryGroupHasItsRegime(t *testing.T) {
	s, spins := &log{}, []float64{60, 300, 70}
	probe := func(context.Context) (Probed, error) {
		if len(spins) == 0 {
			return Probed{}, errors.New("no compiler")
		}
		spin := spins[0]
		spins = spins[1:]
		return Probed{Spin: spin}, nil
	}
	r, err := Interleave(t.Context(), []Workload{s.workload("a", "b", "c")}, 2, probe, silent)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Regimes(); !slices.Equal(got, []Regime{Near, Far, Unknown}) {
		t.Errorf("got %v", got)
	}
	for regime, want := range map[Regime]int{Near: 2, Far: 1, Unknown: 1} {
		if n := len(r.In(regime)[Key{"w", "us"}].Turns); n != want {
			t.Errorf("%s: %d turns, not %d", regime, n, want)
		}
	}
}
