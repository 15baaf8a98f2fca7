package table

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/plan"
)

// Markdown writes the rows of a regime as a table that is readable as plain text, too. The probes are of the same regime.
func Markdown(out io.Writer, rows []Row, regime plan.Regime, probes []plan.Probed) error {
	heading := string(regime)
	if regime != plan.Unknown {
		p := MedianProbe(probes)
		heading += fmt.Sprintf(", C spin %s, undisturbed %.0f %%", figures.Show(figures.P50, p.Spin), 100*p.Undisturbed)
	}
	lines := [][]string{{"workload (" + heading + ")", "system", "figure", "median", "min .. max", "ours / it", "min .. max", "bar", "", "ours is"}}
	last := ""
	for _, row := range rows {
		title := ""
		if row.Workload != last {
			title, last = row.Title, row.Workload
		}
		line := []string{title, row.Runner, Label(row.Metric)}
		switch {
		case row.Missing != "":
			line = append(line, "missing", row.Missing, "", "", row.Bar, "", "")
		case row.Error != "":
			line = append(line, "FAILED", clean(row.Error), "", "", row.Bar, "", row.Ours)
		default:
			line = append(line, figures.Show(row.Metric, row.Median), row.span(), row.ratio(), row.spread(), row.Bar, row.verdict(), row.Ours)
		}
		lines = append(lines, line)
	}
	return Write(out, lines)
}

// Label is a figure's name without its unit.
func Label(metric string) string {
	switch metric {
	case figures.P50, figures.P99:
		return metric[:3]
	case figures.Total:
		return "p50 with writing"
	case figures.Publish:
		return "Publish p50"
	case figures.CPU:
		return "receiver CPU/msg"
	case figures.OnePublish, figures.OneEmpty, figures.OnePair, figures.OneLatest:
		return strings.ReplaceAll(strings.TrimSuffix(metric, "_ns"), "_", " ")
	}
	return strings.TrimSuffix(metric, "_per_s")
}

func (row Row) ratio() string {
	if len(row.Ratios) == 0 {
		return ""
	}
	return Quotient(row.Ratio)
}

// spread is the smallest and the largest ratio.
func (row Row) spread() string {
	if len(row.Ratios) == 0 {
		return ""
	}
	return Quotient(slices.Min(row.Ratios)) + " .. " + Quotient(slices.Max(row.Ratios))
}

// Quotient writes a ratio.
func Quotient(v float64) string {
	if v >= 99.995 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (row Row) verdict() string {
	switch {
	case row.Met == nil:
		return ""
	case *row.Met:
		return "met"
	}
	return "NOT met"
}

// clean removes characters that would break a cell.
func clean(s string) string { return strings.NewReplacer("|", "/", "\n", " ", "\x1b", "").Replace(s) }

// maxWidth is the width up to which cells are padded. A longer text is not cut.
const maxWidth = 64

// Write writes lines of cells, of which the first is the heading, with cells of one width.
func Write(out io.Writer, lines [][]string) error {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], min(utf8.RuneCountInString(cell), maxWidth))
		}
	}
	var b strings.Builder
	for i, line := range lines {
		for j, cell := range line {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", max(0, widths[j]-utf8.RuneCountInString(cell))))
		}
		b.WriteString("|\n")
		if i == 0 {
			for _, w := range widths {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
