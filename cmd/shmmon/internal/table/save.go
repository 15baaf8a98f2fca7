package table

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
)

// WriteCSV writes the chosen columns of the rows that the filter lets through, in their order, with a line of heads.
func (t *Table[R]) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	columns := t.saved()
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = c.Head
	}
	if err := out.Write(heads); err != nil {
		return err
	}
	for _, l := range t.visible {
		if l.group {
			continue
		}
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = c.Cell(t.rows[l.row])
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// WriteJSON writes the same as an array of objects with the heads in lower case.
func (t *Table[R]) WriteJSON(w io.Writer) error {
	all := []map[string]string{}
	for _, l := range t.visible {
		if l.group {
			continue
		}
		row := make(map[string]string)
		for _, c := range t.saved() {
			row[strings.ToLower(c.Head)] = c.Cell(t.rows[l.row])
		}
		all = append(all, row)
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(all)
}

func (t *Table[R]) saved() (columns []*Column[R]) {
	for i := range t.Columns {
		if c := &t.Columns[i]; t.Shown(i) && c.Cell != nil {
			columns = append(columns, c)
		}
	}
	return columns
}
