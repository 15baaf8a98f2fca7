package command

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// A column is a field of a row. Its value is nil if the row lacks it.
type column struct {
	name  string
	value json.RawMessage
}

// members returns the members of a JSON object in their order.
func members(js json.RawMessage) (all []column, err error) {
	d := json.NewDecoder(bytes.NewReader(js))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("a row is no object but %.100s", js)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		c := column{name: fmt.Sprint(name)}
		if err := d.Decode(&c.value); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// cells prints a row of CSV, or with --field alone its values separated by tabs. The first row of CSV prints the header too; later
// rows have its columns.
func (a *app) cells(row []column) error {
	if !a.forms.csv {
		values := make([]string, len(row))
		for i, c := range row {
			if values[i] = cell(c.value); c.value == nil {
				values[i] = "-"
			}
		}
		_, err := fmt.Fprintln(a.Stdout, strings.Join(values, "\t"))
		return err
	}
	if a.forms.watch > 0 {
		at, _ := json.Marshal(a.forms.at.Format(time.RFC3339Nano)) // text always has a JSON form
		row = append([]column{{"time", at}}, row...)
	}
	if err := a.names(row); err != nil {
		return err
	}
	values := make([]string, len(a.forms.header))
	for i := range values {
		for _, c := range row {
			if text.Escape(c.name) == a.forms.header[i] {
				values[i] = cell(c.value)
			}
		}
	}
	return a.record(values)
}

// header prints the header of CSV that has no rows, which would be like this one.
func (a *app) header(like any) error {
	js, err := json.Marshal(like)
	if err != nil {
		return err
	}
	row, err := members(js)
	if len(a.fields) > 0 {
		row = nil
		for _, f := range a.fields {
			row = append(row, column{name: f.String()})
		}
	}
	if a.forms.watch > 0 {
		row = append([]column{{name: "time"}}, row...)
	}
	if err != nil {
		return err
	}
	return a.names(row)
}

// names prints the header of CSV, unless it is printed.
func (a *app) names(row []column) error {
	if a.forms.header != nil {
		return nil
	}
	for _, c := range row {
		a.forms.header = append(a.forms.header, text.Escape(c.name))
	}
	return a.record(a.forms.header)
}

// record prints a line of CSV.
func (a *app) record(values []string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(values); err != nil {
		return err
	}
	w.Flush()
	_, err := a.Stdout.Write(b.Bytes())
	return err
}

// cell writes a JSON value as people do: text without quotes, nothing for null.
func cell(js json.RawMessage) string {
	var s string
	switch {
	case js == nil || string(js) == "null":
		return ""
	case js[0] == '"' && json.Unmarshal(js, &s) == nil:
		return text.Escape(s)
	}
	return string(text.EscapeJSON(js))
}
