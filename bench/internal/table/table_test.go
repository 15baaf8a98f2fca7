package table

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/plan"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

func turns(group int, values ...float64) (all []plan.Turn) {
	for round, v := range values {
		all = append(all, plan.Turn{Round: round, Group: group, Figures: figures.Figures{figures.P50: v}})
	}
	return all
}

func example() ([]plan.Workload, plan.Results) {
	against := func(bar *plan.Bar) []plan.Comparison {
		return []plan.Comparison{{Metric: figures.P50, Ours: "us", Bar: bar}}
	}
	w := plan.Workload{Key: "polled", Title: "one way", Ours: []plan.Runner{{Name: "us"}}, Peers: []plan.Peer{
		{Key: "a", Runner: plan.Runner{Name: "a"}, Against: against(&plan.Bar{AtMost: true, Limit: 0.65})},
		{Key: "b", Runner: plan.Runner{Name: "b"}, Against: against(nil)},
		{Key: "c", Runner: plan.Runner{Name: "c"}, Against: against(&plan.Bar{AtMost: true, Limit: 2})},
		{Key: "d", Runner: plan.Runner{Name: "d"}, Against: against(nil)},
	}}
	return []plan.Workload{w}, plan.Results{
		{Workload: "polled", Runner: "us"}: {Turns: slices.Concat(turns(0, 100, 300, 200), turns(1, 50, 60, 70))},
		{Workload: "polled", Runner: "a"}:  {Turns: turns(0, 200, 300, 500)},
		{Workload: "polled", Runner: "b"}:  {Turns: turns(1, 100, 30, 140)},
		{Workload: "polled", Runner: "c"}:  {Missing: &proc.MissingError{What: "c.h", Package: "libc-dev"}},
		{Workload: "polled", Runner: "d"}:  {Err: errors.New("a | b\nc")},
	}
}

func TestRows_RatiosAreOfNeighbours(t *testing.T) {
	rows := Rows(example())
	find := func(runner string) Row {
		return rows[slices.IndexFunc(rows, func(r Row) bool { return r.Runner == runner })]
	}
	if a := find("a"); !slices.Equal(a.Ratios, []float64{0.5, 1, 0.4}) || a.Ratio != 0.5 || a.Met == nil || !*a.Met || a.Median != 300 {
		t.Errorf("got %+v", a)
	}
	if b := find("b"); !slices.Equal(b.Ratios, []float64{0.5, 2, 0.5}) || b.Ratio != 0.5 || b.Met != nil {
		t.Errorf("got %+v", b)
	}
	if us := find("us"); us.Median != 85 || len(us.Values) != 6 || us.Ratios != nil {
		t.Errorf("got %+v", us)
	}
}

func TestMarkdown_Cells(t *testing.T) {
	var b strings.Builder
	if err := Markdown(&b, Rows(example())); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| one way  | us     | p50    | 85.0 ns |",
		"| 200 ns .. 500 ns ",
		"| 0.50      | 0.40 .. 1.00 | <= 0.65 | met | us      |",
		"c.h is missing: apt-get install libc-dev",
		"| FAILED  | a / b c ",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q in\n%s", want, b.String())
		}
	}
}
