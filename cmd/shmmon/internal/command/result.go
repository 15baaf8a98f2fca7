package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
)

// A result is what a command prints, for each form of output.
type result struct {
	document any                   // --json
	rows     []any                 // --csv and --field; objects in JSON, all with the same fields
	like     any                   // a row, of which CSV has the header if there are no rows
	text     func(io.Writer) error // neither
}

// A forms is the form of output that the flags of a command choose, beside --json.
type forms struct {
	csv    bool
	paths  []string
	watch  time.Duration
	times  int
	at     time.Time // that the rows of a run of --watch have in CSV
	header []string  // of the CSV that was begun
}

// tabular gives cmd the flags for rows, and parses them before the command runs.
func (a *app) tabular(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.forms.csv, "csv", false, "print CSV with a header; names and units are those of --json")
	if cmd.Flags().Lookup("field") == nil {
		cmd.Flags().StringArrayVar(&a.forms.paths, "field", nil, "print only this field of each row of --json, for example rate or publisher_list[0].pid; may be given several times")
	}
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if a.forms.csv && a.JSON {
			return cli.Usagef(cmd, "--csv and --json are two forms; give one of them")
		}
		if a.fields, err = parseFields(a.forms.paths); err != nil {
			return cli.Usagef(cmd, "--field %w", err)
		}
		return run(cmd, args)
	}
	return cmd
}

const minWatch = 100 * time.Millisecond

// repeatable gives cmd the flags that repeat it, and a RunE that does.
func (a *app) repeatable(cmd *cobra.Command, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	cmd.Flags().DurationVar(&a.forms.watch, "watch", 0, "repeat the command at this interval, until interrupted or for --times")
	cmd.Flags().IntVar(&a.forms.times, "times", 0, "how often --watch runs the command; 0 is until interrupted")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f := &a.forms
		switch {
		case f.watch != 0 && (f.watch < minWatch || f.watch > time.Hour):
			return cli.Usagef(cmd, "--watch %v is not between %v and 1h", f.watch, minWatch)
		case f.times < 0:
			return cli.Usagef(cmd, "--times %d is negative", f.times)
		case f.times > 0 && f.watch == 0:
			return cli.Usagef(cmd, "--times is of --watch, which is missing")
		case f.watch == 0:
			return run(cmd, args)
		}
		return a.repeat(cmd, args, run)
	}
	return a.tabular(cmd)
}

// repeat runs a command again and again. The outcome is that of the last run.
func (a *app) repeat(cmd *cobra.Command, args []string, run func(cmd *cobra.Command, args []string) error) error {
	defer a.Streaming(cmd.Context())()
	begin := time.Now()
	var outcome error
	for n := 1; ; n++ {
		err := run(cmd, args)
		switch {
		case cmd.Context().Err() != nil && a.forms.times == 0:
			return outcome // the way it is meant to end
		case err != nil && !cli.Complete(err):
			return err
		}
		outcome = err
		if n == a.forms.times {
			return outcome
		}
		next := begin.Add(time.Duration(n) * a.forms.watch)
		if late := time.Since(next); late > 0 { // the run took longer than the interval
			begin = begin.Add(late)
			next = time.Now()
		}
		if err := pause(cmd.Context(), time.Until(next)); err != nil {
			if a.forms.times == 0 {
				return outcome
			}
			return err
		}
	}
}

// print prints a result in the form that the flags choose.
func (a *app) print(r result) error {
	switch {
	case a.forms.csv || len(a.fields) > 0:
		a.forms.at = time.Now()
		for _, row := range r.rows {
			if err := a.row(row, nil); err != nil {
				return err
			}
		}
		if len(r.rows) == 0 && a.forms.csv {
			return a.header(r.like)
		}
		if missing := a.missingFields("row"); len(r.rows) > 0 && len(missing) > 0 {
			return cli.Lossyf("%s", strings.Join(missing, "; "))
		}
		return nil
	case a.JSON && a.forms.watch > 0:
		return a.Line(r.document)
	case a.JSON:
		return a.Document(r.document)
	}
	if a.forms.watch > 0 && a.Screen != nil {
		if _, err := io.WriteString(a.Stdout, "\x1b[H\x1b[2J"); err != nil {
			return err
		}
	}
	return r.text(a.Stdout)
}

// row prints a row of its own: as JSON, as CSV, its fields alone, or else by text.
func (a *app) row(row any, text func(io.Writer) error) error {
	if !a.forms.csv && len(a.fields) == 0 {
		if a.JSON {
			return a.Line(row)
		}
		return text(a.Stdout)
	}
	js, err := json.Marshal(row)
	if err != nil {
		return err
	}
	columns, err := members(js)
	if err != nil {
		return err
	}
	if len(a.fields) > 0 {
		parts := a.present(js)
		if a.JSON {
			return a.Line(a.join(parts))
		}
		columns = columns[:0]
		for i, part := range parts {
			columns = append(columns, column{a.fields[i].String(), part})
		}
	}
	return a.cells(columns)
}

// present returns the fields of a row, nil for those that it lacks.
func (a *app) present(js json.RawMessage) []json.RawMessage {
	parts := make([]json.RawMessage, len(a.fields))
	for i := range a.fields {
		f := &a.fields[i]
		if part, err := f.Find(js); err == nil {
			parts[i], f.found = part, true
		} else {
			f.lack(err)
		}
	}
	return parts
}

// texts returns a function that writes a text, for results that are made as a whole.
func texts(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// table is a result with a row for each of all.
func table[T any](document any, all []T, text func(io.Writer) error) result {
	r := result{document: document, like: *new(T), text: text}
	for _, v := range all {
		r.rows = append(r.rows, v)
	}
	return r
}

// summary is a line of a name and a value, as most commands print them, escaped.
func summary(b *strings.Builder, name, format string, args ...any) {
	fmt.Fprintf(b, "%-12s %s\n", name, text.Escape(fmt.Sprintf(format, args...)))
}
