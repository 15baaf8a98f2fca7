package history

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/plan"
	"github.com/shmbus/shmbus/bench/internal/table"
)

func entry(regime plan.Regime, ratio, alone float64) Entry {
	return Entry{Date: "2026-01-02", Regime: regime, Spin: 60, Undisturbed: 0.9, Rounds: 5, Figures: []Figure{
		{Workload: "w", Runner: "shmbus", Metric: figures.P50, Median: alone},
		{Workload: "w", Runner: "peer", Metric: figures.P50, Median: 100, Ours: "shmbus", Ratio: ratio},
	}}
}

func workloads() []plan.Workload {
	peer := plan.Peer{Runner: plan.Runner{Name: "peer"}, Against: []plan.Comparison{
		{Metric: figures.P50, Ours: "shmbus", Bar: &plan.Bar{AtMost: true, Near: 0.8, Far: 0.5}}, {Metric: figures.P99, Ours: "shmbus"},
	}}
	alone := plan.Comparison{Metric: figures.P50, Ours: "shmbus", Bar: &plan.Bar{AtMost: true, Near: 35}}
	return []plan.Workload{{Key: "w", Peers: []plan.Peer{peer}, Alone: []plan.Comparison{alone}}}
}

func TestJudge_MedianOfRunsInEachRegime(t *testing.T) {
	near := func(ratios ...float64) (all []Entry) {
		for _, r := range ratios {
			all = append(all, entry(plan.Near, r, 30))
		}
		return all
	}
	for name, c := range map[string]struct {
		entries []Entry
		want    string
	}{
		"no run":                          {nil, NotSeen},
		"one regime":                      {near(0.7), NotSeen},
		"both":                            {append(near(0.9, 0.7, 0.8), entry(plan.Far, 0.5, 99)), Met},
		"missed near":                     {append(near(0.9, 0.7, 0.9), entry(plan.Far, 0.5, 99)), NotMet},
		"missed far":                      {append(near(0.8), entry(plan.Far, 0.6, 99)), NotMet},
		"missed near, and far not seen":   {near(0.9), NotMet},
		"missed far, and near not seen":   {[]Entry{entry(plan.Far, 0.6, 99)}, NotMet},
		"a run of which nothing is known": {[]Entry{entry(plan.Unknown, 0.1, 1)}, NotSeen},
	} {
		verdicts := Judge(workloads(), c.entries)
		if len(verdicts) != 2 || verdicts[1].Name != "w: p50 / peer" || verdicts[1].Verdict != c.want {
			t.Errorf("%s: got %+v, want %s", name, verdicts, c.want)
		}
	}
}

func TestDocument_OneLineForEachBar(t *testing.T) {
	busy := entry(plan.Far, 0.1, 1)
	busy.Undisturbed = 0.1
	text, err := Document(workloads(), []Entry{entry(plan.Near, 0.7, 40), busy})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Runs of 2026-01-02; near: 1, C spin 60.0 ns; far: none. Not counted, because of other work: 1.\n\n", "| w: p50        | <= 35: 40.0 ns |            | not met  |\n",
		"| w: p50 / peer | <= 0.80: 0.70  | <= 0.50: – | not seen |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}

func TestAppend_ReadReturnsTheEntries(t *testing.T) {
	name := filepath.Join(t.TempDir(), "history.jsonl")
	if all, err := Read(name); err != nil || all != nil {
		t.Errorf("without a file: %v, %v", all, err)
	}
	want := []Entry{entry(plan.Near, 0.7, 40), entry(plan.Far, 0.6, 50)}
	for _, e := range want {
		if err := Append(name, []Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Read(name); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestOf_FiguresThatWereMeasured(t *testing.T) {
	got := Of([]table.Row{
		{Workload: "w", Runner: "us", Metric: figures.P50, Median: 123.456, Values: []float64{123.456}},
		{Workload: "w", Runner: "it", Metric: figures.P50, Median: 1, Values: []float64{1}, Ours: "us", Ratio: 123.456, Ratios: []float64{123.456}},
		{Workload: "w", Runner: "alone", Metric: figures.P50, Median: 1, Values: []float64{1}, Ours: "us"},
		{Workload: "w", Runner: "gone", Missing: "gone"}, {Workload: "w", Runner: "bad", Metric: figures.P50, Error: "bad"},
	})
	want := []Figure{{"w", "us", figures.P50, 123.5, "", 0}, {"w", "it", figures.P50, 1, "us", 123.5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestInsert_BetweenTheMarks(t *testing.T) {
	got, err := Insert("a\n<!-- history -->\nold\n<!-- end of history -->\nb\n", "new\n")
	if want := "a\n<!-- history -->\nnew\n<!-- end of history -->\nb\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, text := range []string{"a", "<!-- history -->\n", "<!-- end of history -->\n"} {
		if got, err := Insert(text, "new"); err == nil {
			t.Errorf("%q: got %q and no error", text, got)
		}
	}
}
