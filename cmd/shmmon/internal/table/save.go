package table

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// A Saved is a value of a saved row. The value is a text, a number, a boolean, or nil where there is none.
type Saved struct {
	Name  string
	Value any
}

// values returns what a column saves of a row: without Saved the cell, under the head in lower case.
func (c *Column[R]) values(r R) []Saved {
	if c.Saved != nil {
		return c.Saved(r)
	}
	return []Saved{{strings.ToLower(c.Head), c.Cell(r)}}
}

// record returns what is saved of a row: the values of the chosen columns, each name once.
func (t *Table[R]) record(r R) (all []Saved) {
	for i := range t.Columns {
		c := &t.Columns[i]
		if !t.Shown(i) || c.Cell == nil {
			continue
		}
		for _, v := range c.values(r) {
			if !slices.ContainsFunc(all, func(s Saved) bool { return s.Name == v.Name }) {
				all = append(all, v)
			}
		}
	}
	return all
}

// records returns what is saved of the rows that the filter lets through, in their order.
func (t *Table[R]) records() (all [][]Saved) {
	for _, l := range t.visible {
		if !l.group {
			all = append(all, t.record(t.rows[l.row]))
		}
	}
	return all
}

// WriteCSV writes the chosen columns of the rows that the filter lets through, in their order, with a line of names. Saved of the columns
// must accept the zero row.
func (t *Table[R]) WriteCSV(w io.Writer) error {
	var zero R
	out := csv.NewWriter(w)
	for i, record := range append([][]Saved{t.record(zero)}, t.records()...) {
		cells := make([]string, len(record))
		for k, s := range record {
			if cells[k] = s.Name; i > 0 {
				cells[k] = cellOf(s.Value)
			}
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func cellOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return text.Escape(v) // the file may be shown on a terminal
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// WriteJSON writes the same as an array of objects.
func (t *Table[R]) WriteJSON(w io.Writer) error {
	all := []map[string]any{}
	for _, record := range t.records() {
		row := make(map[string]any, len(record))
		for _, s := range record {
			row[s.Name] = s.Value
		}
		all = append(all, row)
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(all)
}
