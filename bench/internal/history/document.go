package history

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/plan"
	"github.com/shmbus/shmbus/bench/internal/table"
)

// Bars writes the verdicts as a table with one line for each bar.
func Bars(verdicts []Verdict) (string, error) {
	lines := [][]string{{"bar", "near", "far", "verdict"}}
	for _, v := range verdicts {
		lines = append(lines, []string{v.Name, v.cell(plan.Near), v.cell(plan.Far), v.Verdict})
	}
	var text strings.Builder
	err := table.Write(&text, lines)
	return text.String(), err
}

// Document writes the runs and the verdicts on the bars of the workloads, without the runs on a busy machine.
func Document(workloads []plan.Workload, entries []Entry) (string, error) {
	quiet := slices.DeleteFunc(slices.Clone(entries), Entry.Busy)
	text := runs(quiet)
	if n := len(entries) - len(quiet); n > 0 {
		text += fmt.Sprintf(" Not counted, because of other work: %d.", n)
	}
	bars, err := Bars(Judge(workloads, quiet))
	return text + "\n\n" + bars, err
}

// runs says how many runs were in each regime, and when.
func runs(entries []Entry) string {
	if len(entries) == 0 {
		return "No runs."
	}
	dates := []string{}
	for _, e := range entries {
		dates = append(dates, e.Date)
	}
	first, last := slices.Min(dates), slices.Max(dates)
	if first != last {
		first += " to " + last
	}
	text := "Runs of " + first
	for _, regime := range []plan.Regime{plan.Near, plan.Far} {
		var spins []float64
		for _, e := range entries {
			if e.Regime == regime {
				spins = append(spins, e.Spin)
			}
		}
		if len(spins) == 0 {
			text += fmt.Sprintf("; %s: none", regime)
			continue
		}
		text += fmt.Sprintf("; %s: %d, C spin %s", regime, len(spins), figures.Show(figures.P50, table.Median(spins)))
	}
	return text + "."
}

// The marks of the part of a document that Insert replaces.
const (
	begin = "<!-- history -->\n"
	end   = "<!-- end of history -->\n"
)

// Insert replaces the text between the marks of a document.
func Insert(document, text string) (string, error) {
	before, rest, ok := strings.Cut(document, begin)
	if !ok {
		return "", fmt.Errorf("there is no %q", strings.TrimSpace(begin))
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("there is no %q", strings.TrimSpace(end))
	}
	return before + begin + text + end + after, nil
}
