package command

import (
	"fmt"
	"io"
	"math"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/fields"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
)

// A difference is the result of diff, as JSON.
type difference struct {
	A string `json:"a"`
	B string `json:"b"`
	record.Difference
}

func (a *app) diff() *cobra.Command {
	memory := size(mcapfile.DefaultMemory)
	var topics, exclude string
	var tolerances, ignored []string
	var decoded bool
	cmd := &cobra.Command{
		Use:   "diff FIRST.mcap SECOND.mcap",
		Short: "Say how two MCAP files differ, by topic",
		Long: `diff compares the messages of two files: topics and types, the number and order of the messages of each publisher, their bytes,
and the order between topics. Times may differ; the difference in the time between messages is printed. The exit code
is 0 if nothing else differs, and 3 if something does. - is standard input, a directory the parts of a recording. Of services, chosen by their names, the
answers to the same requests are compared.

With --fields, messages with different bytes are decoded, and equal if their fields are. --tolerance FIELD=NUMBER says by
how much numbers may differ, NUMBER alone says it of all fields; --ignore leaves a field out. Both imply --fields, and
apply also to the fields in FIELD. In arrays, FIELD is that of all elements.`,
		Example: `  shmrec diff monday.mcap tuesday.mcap
  shmrec diff golden.mcap new.mcap --include '^planner/' --tolerance 1e-6
  shmrec diff golden.mcap new.mcap --tolerance pose.x=0.01 --ignore header.stamp`,
		Args:              cli.Args("FIRST.mcap", "SECOND.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o := record.CompareOptions{Memory: uint64(memory)}
			if o.Topics, err = expression(cmd, "include", topics); err != nil {
				return err
			}
			if o.Exclude, err = expression(cmd, "exclude", exclude); err != nil {
				return err
			}
			for _, field := range ignored {
				o.Tolerances = append(o.Tolerances, fields.Tolerance{Field: field, Absolute: math.Inf(1)})
			}
			named, all, err := parseTolerances(tolerances)
			if err != nil {
				return cli.Usagef(cmd, "--tolerance %w", err)
			}
			o.Tolerances = append(append(o.Tolerances, named...), all...)
			if decoded || len(o.Tolerances) > 0 {
				o.Decode = decoder()
			}
			debug.SetMemoryLimit(int64(memory)) // with what is garbage
			d := difference{A: args[0], B: args[1]}
			if d.A == "-" && d.B == "-" {
				return cli.Usage(cmd, errTwice)
			}
			var paths [2]string
			for i := range paths {
				in, failed := input(args[i])
				if failed != nil {
					return failed
				}
				defer in.close()
				defer func() { err = in.named(err) }()
				paths[i] = in.path
			}
			line := a.fileProgress("comparing")
			o.Progress = line.show
			err = cli.Await(cmd.Context(), func() (err error) {
				d.Difference, err = record.CompareWithin(paths[0], paths[1], &o)
				return err
			})
			line.clear()
			if err != nil {
				return err
			}
			if err := a.printDifference(&d); err != nil || d.Equal {
				return err
			}
			return cli.Unwellf("the recordings differ: %s", d.First)
		},
	}
	f := cmd.Flags()
	f.StringVar(&topics, "include", "", "compare only topics that match this expression")
	f.StringVar(&exclude, "exclude", "", "compare no topics that match this expression")
	f.BoolVar(&decoded, "fields", false, "compare messages by their fields, where they can be decoded")
	f.StringArrayVar(&tolerances, "tolerance", nil, "FIELD=NUMBER or NUMBER: by how much numbers may differ; may be given several times")
	f.StringArrayVar(&ignored, "ignore", nil, "do not compare this field; may be given several times")
	f.Var(&memory, "memory", "how much memory to use, for example 1GiB")
	return cmd
}

// decoder returns a function that returns a payload as JSON, nil if it has no fields.
func decoder() func(serde.Type, []byte) ([]byte, error) {
	var c dynamic.Converter
	return func(kind serde.Type, payload []byte) ([]byte, error) {
		if kind.Encoding == serde.EncodingRaw {
			return nil, nil
		}
		return c.ToJSON(kind, payload)
	}
}

// parseTolerances parses the tolerances of fields, and of all fields.
func parseTolerances(texts []string) (named, all []fields.Tolerance, err error) {
	for _, s := range texts {
		i := strings.LastIndexByte(s, '=')
		d, err := strconv.ParseFloat(s[i+1:], 64)
		if err != nil || !(d >= 0) {
			return nil, nil, fmt.Errorf("%.300q is not FIELD=NUMBER or NUMBER with a number of at least 0, such as pose.x=0.01", s)
		}
		if i < 0 {
			all = append(all, fields.Tolerance{Absolute: d})
		} else {
			named = append(named, fields.Tolerance{Field: s[:i], Absolute: d})
		}
	}
	return named, all, nil
}

func (a *app) printDifference(d *difference) error {
	if a.JSON {
		return a.Document(d)
	}
	var b strings.Builder
	g := cli.NewGrid("TOPIC", ">FIRST", ">SECOND", ">SIZE", ">SIZE", ">SPACING", "DIFFERENCE")
	for _, t := range d.Topics {
		what := "none"
		if !t.Equal {
			what = t.First
		}
		g.Add(t.Topic, strconv.FormatUint(t.A, 10), strconv.FormatUint(t.B, 10), text.Bytes(t.ABytes), text.Bytes(t.BBytes), text.Duration(int64(t.SpacingMax)), what)
	}
	if err := g.Print(&b); err != nil {
		return err
	}
	_, err := io.WriteString(a.Stdout, b.String())
	return err
}
