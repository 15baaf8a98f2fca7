// Package table makes a table of all rounds: medians, ratios, and whether the bars are met.
package table

import (
	"slices"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/plan"
)

// A Row is one figure of a runner, and the ratio of the figure of shmbus to it.
type Row struct {
	Workload string    `json:"workload"`
	Title    string    `json:"title"`
	Runner   string    `json:"runner"`
	Metric   string    `json:"metric,omitempty"`
	Median   float64   `json:"median,omitempty"`
	Values   []float64 `json:"values,omitempty"` // of all turns
	Ours     string    `json:"ours,omitempty"`   // the runner of shmbus that is compared with it
	Ratio    float64   `json:"ratio,omitempty"`  // ours divided by it: median of the rounds
	Ratios   []float64 `json:"ratios,omitempty"`
	Bar      string    `json:"bar,omitempty"`
	Met      *bool     `json:"met,omitempty"`     // nil if there is no bar or no ratio
	Missing  string    `json:"missing,omitempty"` // what is not installed, with the Debian package that has it
	Error    string    `json:"error,omitempty"`   // the error of the runner
}

// Rows returns the rows of all rounds in one regime. A runner without turns in that regime has no row.
func Rows(workloads []plan.Workload, r plan.Results, regime plan.Regime) (rows []Row) {
	r = r.In(regime)
	for _, w := range workloads {
		for _, o := range w.Ours {
			rows = append(rows, ours(&w, o, r, regime)...)
		}
		for _, p := range w.Peers {
			rows = append(rows, peer(&w, p, r, regime)...)
		}
	}
	return rows
}

func ours(w *plan.Workload, o plan.Runner, r plan.Results, regime plan.Regime) (rows []Row) {
	record, row := take(w, o.Name, r)
	if record == nil {
		return []Row{row}
	}
	if len(record.Turns) == 0 {
		return nil
	}
	for _, metric := range w.Metrics(o.Name) {
		row := row.with(metric, record)
		for _, c := range w.Alone {
			if c.Ours == o.Name && c.Metric == metric {
				row = row.judged(c.Bar, regime, row.Values)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// judged adds a bar to the row, and whether the median of some values meets it.
func (row Row) judged(bar *plan.Bar, regime plan.Regime, values []float64) Row {
	if !bar.In(regime) {
		return row
	}
	row.Bar = bar.Text(regime)
	if len(values) > 0 {
		met := bar.Met(regime, Median(values))
		row.Met = &met
	}
	return row
}

func peer(w *plan.Workload, p plan.Peer, r plan.Results, regime plan.Regime) (rows []Row) {
	record, row := take(w, p.Name, r)
	if record == nil {
		if len(p.Against) > 0 {
			row = row.judged(p.Against[0].Bar, regime, nil)
		}
		return []Row{row}
	}
	if len(record.Turns) == 0 {
		return nil
	}
	for _, c := range p.Against {
		row := row.with(c.Metric, record)
		row.Ours = c.Ours
		if our := r[plan.Key{Workload: w.Key, Runner: c.Ours}]; our != nil {
			row.Ratios = ratios(c.Metric, our.Turns, record.Turns)
		}
		if len(row.Ratios) > 0 {
			row.Ratio = Median(row.Ratios)
		}
		rows = append(rows, row.judged(c.Bar, regime, row.Ratios))
	}
	return rows
}

// take returns the record of a runner and a row without figures. If the record is nil, the row says why.
func take(w *plan.Workload, runner string, r plan.Results) (*plan.Record, Row) {
	row := Row{Workload: w.Key, Title: w.Title, Runner: runner}
	record := r[plan.Key{Workload: w.Key, Runner: runner}]
	switch {
	case record == nil:
		row.Error = "had no turn"
	case record.Missing != nil:
		row.Missing = record.Missing.Error()
	case record.Err != nil:
		row.Error = record.Err.Error()
	default:
		return record, row
	}
	return nil, row
}

func (row Row) with(metric string, record *plan.Record) Row {
	row.Metric = metric
	for _, t := range record.Turns {
		if v, ok := t.Figures[metric]; ok {
			row.Values = append(row.Values, v)
		}
	}
	if len(row.Values) == 0 {
		row.Error = "has no figure " + metric
		return row
	}
	row.Median = Median(row.Values)
	return row
}

// ratios divides each turn of shmbus by the neighbouring turn of the peer.
func ratios(metric string, ours, theirs []plan.Turn) (all []float64) {
	for _, t := range theirs {
		for _, o := range ours {
			a, okA := o.Figures[metric]
			b, okB := t.Figures[metric]
			if o.Round == t.Round && o.Group == t.Group && okA && okB && b > 0 {
				all = append(all, a/b)
			}
		}
	}
	return all
}

// Median is the middle value, or the mean of the two in the middle. There must be a value.
func Median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// span is the smallest and the largest value.
func (row Row) span() string {
	if len(row.Values) == 0 {
		return ""
	}
	return figures.Show(row.Metric, slices.Min(row.Values)) + " .. " + figures.Show(row.Metric, slices.Max(row.Values))
}

// MedianProbe has the medians of several probes.
func MedianProbe(probes []plan.Probed) plan.Probed {
	var spins, shares []float64
	for _, p := range probes {
		spins, shares = append(spins, p.Spin), append(shares, p.Undisturbed)
	}
	return plan.Probed{Spin: Median(spins), Undisturbed: Median(shares)}
}
