// Package history keeps the figures of full runs in a file, and makes the table of bars from it.
package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/shmbus/shmbus/bench/internal/plan"
	"github.com/shmbus/shmbus/bench/internal/table"
)

// An Entry is what one run measured in one regime. It does not name the machine.
type Entry struct {
	Date        string      `json:"date"`
	Regime      plan.Regime `json:"regime"`
	Spin        float64     `json:"spin_ns"`     // median of the probes
	Undisturbed float64     `json:"undisturbed"` // median of the probes
	Rounds      int         `json:"rounds"`
	Figures     []Figure    `json:"figures"`
}

// leastUndisturbed is the share below which a machine had so much other work that figures say nothing.
const leastUndisturbed = 0.8

// Busy reports whether the machine had other work.
func (e Entry) Busy() bool { return e.Undisturbed < leastUndisturbed }

// A Figure is the median of a runner and, where Ours is a runner of shmbus, the median of the ratios of its figure to this one.
type Figure struct {
	Workload string  `json:"w"`
	Runner   string  `json:"it"`
	Metric   string  `json:"m"`
	Median   float64 `json:"v"`
	Ours     string  `json:"us,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"`
}

// Of returns the figures of the rows of one regime.
func Of(rows []table.Row) (all []Figure) {
	for _, row := range rows {
		if row.Metric == "" || len(row.Values) == 0 || row.Ours != "" && len(row.Ratios) == 0 {
			continue
		}
		all = append(all, Figure{row.Workload, row.Runner, row.Metric, rounded(row.Median), row.Ours, rounded(row.Ratio)})
	}
	return all
}

// rounded has four digits.
func rounded(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// Append adds entries to a file, which it makes if there is none. Each entry is a line.
func Append(name string, entries []Entry) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var text bytes.Buffer
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		text.Write(append(line, '\n'))
	}
	_, err = f.Write(text.Bytes())
	return err
}

// Read returns the entries of a file, none if there is no file.
func Read(name string) (all []Entry, err error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		all = append(all, e)
	}
	return all, nil
}
