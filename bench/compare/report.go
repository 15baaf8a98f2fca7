package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/shmbus/shmbus/bench/internal/history"
	"github.com/shmbus/shmbus/bench/internal/plan"
	"github.com/shmbus/shmbus/bench/internal/table"
)

// A report is the result of a comparison.
type report struct {
	About   []fact            `json:"about"`
	Regimes []section         `json:"regimes"`
	Bars    []history.Verdict `json:"bars"`
}

// A section is the rows of one regime.
type section struct {
	Regime plan.Regime   `json:"regime"`
	Probes []plan.Probed `json:"probes"`
	Rows   []table.Row   `json:"rows"`
}

// newReport returns the rows of each regime in which there were turns, or of the unknown regime if there were none.
func newReport(o options, workloads []plan.Workload, results plan.Results) report {
	r := report{About: about(o)}
	regimes := results.Regimes()
	if len(regimes) == 0 {
		regimes = []plan.Regime{plan.Unknown}
	}
	for _, regime := range regimes {
		r.Regimes = append(r.Regimes, section{regime, results.In(regime).Probes(), table.Rows(workloads, results, regime)})
	}
	r.Bars = history.Judge(workloads, r.entries(o.rounds))
	return r
}

// entries are the figures for the history.
func (r report) entries(rounds int) (all []history.Entry) {
	for _, s := range r.Regimes {
		if s.Regime == plan.Unknown {
			continue
		}
		probe := table.MedianProbe(s.Probes)
		all = append(all, history.Entry{
			Date: time.Now().UTC().Format(time.DateOnly), Regime: s.Regime, Spin: probe.Spin, Undisturbed: probe.Undisturbed, Rounds: rounds,
			Figures: history.Of(s.Rows),
		})
	}
	return all
}

func (r report) print(o options) error {
	var text strings.Builder
	for _, a := range r.About {
		fmt.Fprintf(&text, "%s: %s\n", a.Name, a.Value)
	}
	for _, s := range r.Regimes {
		text.WriteString("\n")
		if err := table.Markdown(&text, s.Rows, s.Regime, s.Probes); err != nil {
			return err
		}
	}
	bars, err := history.Bars(r.Bars)
	if err != nil {
		return err
	}
	text.WriteString("\n" + bars)
	if slices.ContainsFunc(r.entries(o.rounds), history.Entry.Busy) {
		text.WriteString("\nThe machine had other work: the history does not count these figures.\n")
	}
	if o.out != "" {
		if err := os.WriteFile(o.out, []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	if !o.json {
		_, err := io.WriteString(os.Stdout, text.String())
		return err
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// verdict is the exit code. It does not depend on the bars, which only the tables show.
func (r report) verdict(all bool) int {
	for _, s := range r.Regimes {
		if slices.ContainsFunc(s.Rows, func(row table.Row) bool { return row.Error != "" || all && row.Missing != "" }) {
			return 1
		}
	}
	return 0
}
