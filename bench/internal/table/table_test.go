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
		all = append(all, plan.Turn{Round: round, Group: group, Probed: plan.Probed{Spin: 60}, Figures: figures.Figures{figures.P50: v}})
	}
	return all
}

func example() ([]plan.Workload, plan.Results) {
	against := func(bar *plan.Bar) []plan.Comparison {
		return []plan.Comparison{{Metric: figures.P50, Ours: "us", Bar: bar}}
	}
	w := plan.Workload{Key: "polled", Title: "one way", Ours: []plan.Runner{{Name: "us"}}, Peers: []plan.Peer{
		{Key: "a", Runner: plan.Runner{Name: "a"}, Against: against(&plan.Bar{AtMost: true, Near: 0.65})},
		{Key: "b", Runner: plan.Runner{Name: "b"}, Against: against(nil)},
		{Key: "c", Runner: plan.Runner{Name: "c"}, Against: against(&plan.Bar{AtMost: true, Near: 2})},
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

func near(w []plan.Workload, r plan.Results) []Row { return Rows(w, r, plan.Near) }

func TestRows_OtherRegime(t *testing.T) {
	w, r := example()
	for _, row := range Rows(w, r, plan.Far) {
		if row.Missing == "" && row.Error == "" {
			t.Errorf("a row without turns: %+v", row)
		}
	}
}

func TestRows_FigureWithBar(t *testing.T) {
	w, r := example()
	w[0].Alone = []plan.Comparison{{Metric: figures.P50, Ours: "us", Bar: &plan.Bar{AtMost: true, Near: 80}}}
	if us := near(w, r)[0]; us.Runner != "us" || us.Bar != "<= 80" || us.Met == nil || *us.Met {
		t.Errorf("got %+v", us)
	}
}

func TestRows_RatiosAreOfNeighbours(t *testing.T) {
	rows := near(example())
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
	if err := Markdown(&b, near(example()), plan.Near, []plan.Probed{{Spin: 60, Undisturbed: 0.5}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| workload (near, C spin 60.0 ns, undisturbed 50 %) |",
		"| one way                                           | us     | p50    | 85.0 ns |",
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
