package command

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
)

type rowFixture struct {
	Topic string    `json:"topic"`
	Rate  float64   `json:"rate"`
	Age   *float64  `json:"age_s"`
	List  []nothing `json:"list"`
}

type nothing struct {
	PID int `json:"pid"`
}

// All rows of a run of --watch have the same time, so that they can be joined by it.
func TestResult_TimeOfRepeatedCSV(t *testing.T) {
	var out strings.Builder
	a := app{App: &cli.App{Stdout: &out}, forms: forms{csv: true, watch: minWatch}}
	const runs, rows = 3, 50
	for range runs {
		if err := a.print(table("document", make([]rowFixture, rows), texts(""))); err != nil {
			t.Fatal(err)
		}
	}
	all, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil || len(all) != 1+runs*rows || all[0][0] != "time" {
		t.Fatalf("%v, %d lines: %v", err, len(all), all[0])
	}
	for i, row := range all[1:] {
		if first := all[1+i/rows*rows][0]; row[0] != first {
			t.Errorf("row %d has the time %s, the first one of its run %s", i, row[0], first)
		}
		if at, err := time.Parse(time.RFC3339Nano, row[0]); err != nil || at.IsZero() {
			t.Errorf("row %d: %v, %v", i, at, err)
		}
	}
}

func TestResult_Forms(t *testing.T) {
	rows := []rowFixture{
		{Topic: "a,\"b\"\x1b[2J\u202e\n", Rate: 1.5, List: []nothing{{7}}},
		{Topic: "c", Rate: 1e6, List: []nothing{}},
	}
	hostile := `"a,""b""\x1b[2J\u202e\n"`
	for name, c := range map[string]struct {
		json  bool
		forms forms
		rows  []rowFixture
		want  string
		lacks bool // the command ends with ExitLossy
	}{
		"CSV":             {forms: forms{csv: true}, rows: rows, want: "topic,rate,age_s,list\n" + hostile + `,1.5,,"[{""pid"":7}]"` + "\nc,1000000,,[]\n"},
		"CSV of no rows":  {forms: forms{csv: true}, want: "topic,rate,age_s,list\n"},
		"CSV of fields":   {forms: forms{csv: true, paths: []string{"list[0].pid", "rate"}}, rows: rows, want: "list[0].pid,rate\n7,1.5\n,1000000\n"},
		"fields":          {forms: forms{paths: []string{"rate", "topic"}}, rows: rows, want: "1.5\ta,\"b\"\\x1b[2J\\u202e\\n\n1000000\tc\n"},
		"one field":       {forms: forms{paths: []string{"rate"}}, rows: rows, want: "1.5\n1000000\n"},
		"JSON of fields":  {json: true, forms: forms{paths: []string{"rate", "list[0].pid"}}, rows: rows, want: `{"rate":1.5,"list[0].pid":7}` + "\n" + `{"rate":1000000,"list[0].pid":null}` + "\n"},
		"JSON of a field": {json: true, forms: forms{paths: []string{"rate"}}, rows: rows, want: "1.5\n1000000\n"},
		"JSON, repeated":  {json: true, forms: forms{watch: minWatch}, want: "\"document\"\n"},
		"unknown field":   {forms: forms{paths: []string{"rote"}}, rows: rows, want: "-\n-\n", lacks: true},
		"text":            {rows: rows, want: "text\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			a := app{App: &cli.App{Stdout: &out, JSON: c.json}, forms: c.forms}
			var err error
			if a.fields, err = parseFields(c.forms.paths); err != nil {
				t.Fatal(err)
			}
			err = a.print(table("document", c.rows, texts("text\n")))
			if c.lacks != (err != nil) || !cli.Complete(err) {
				t.Errorf("error %v", err)
			}
			if c.lacks && !strings.Contains(err.Error(), `no row that was printed has a field rote: there is no "rote" but`) {
				t.Error(err)
			}
			if out.String() != c.want {
				t.Errorf("printed\n%q, want\n%q", out.String(), c.want)
			}
			if c.forms.csv {
				if all, err := csv.NewReader(strings.NewReader(out.String())).ReadAll(); err != nil || len(all) != len(c.rows)+1 {
					t.Error(all, err)
				}
			}
			for _, line := range strings.Split(out.String(), "\n") {
				if plain := strings.ReplaceAll(line, "\t", ""); text.Escape(plain) != plain {
					t.Errorf("%q reaches the terminal", line)
				}
			}
		})
	}
}
