package command

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// A diagnosis is the result of doctor, as JSON.
type diagnosis struct {
	Path string `json:"path"`
	mcapfile.Report
}

func (a *app) doctor() *cobra.Command {
	memory := size(mcapfile.DefaultMemory)
	cmd := &cobra.Command{
		Use:   "doctor FILE.mcap",
		Short: "Check an MCAP file for damage and for what does not agree",
		Long: `doctor reads the whole file and compares its records with each other: every checksum, the indexes with the chunks, messages,
attachments and metadata records that they refer to, the times in chunks and statistics with those of the messages, and
the counts. An error may cost a reader content; then the exit code is 3. With warnings alone it is 0. The first 100
findings are printed. 'shmrec recover' writes what can be read to a new file, and 'shmrec convert' a new index.`,
		Example: `  shmrec doctor drive.mcap
  shmrec doctor drive.mcap --json | jq '.findings[] | select(.severity == "error")'`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			d := diagnosis{Path: args[0]}
			path, done, err := input(args[0])
			if err != nil {
				return err
			}
			defer done()
			debug.SetMemoryLimit(int64(memory)) // with what is garbage
			line := a.fileProgress("reading")
			err = cli.Await(cmd.Context(), func() error {
				f, size, err := mcapfile.Open(path)
				if err != nil {
					return err
				}
				defer f.Close()
				d.Report, err = mcapfile.Check(f, size, &mcapfile.Limits{Memory: uint64(memory)}, func(at int64) { line.show(float64(at) / float64(max(size, 1))) })
				if err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				return nil
			})
			line.clear()
			if err != nil {
				return err
			}
			if err := a.printDiagnosis(&d); err != nil || d.Errors == 0 {
				return err
			}
			return cli.Unwellf("%s: %s", args[0], text.Many(d.Errors, "error"))
		},
	}
	cmd.Flags().Var(&memory, "memory", "how much memory to use at most, for example 1GiB; files with many topics or chunks need more")
	return cmd
}

func (a *app) printDiagnosis(d *diagnosis) error {
	if a.JSON {
		return a.Document(d)
	}
	var b strings.Builder
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%s at byte %d: %s\n", f.Severity, f.Offset, text.Escape(f.Text))
	}
	if more := d.Errors + d.Warnings - uint64(len(d.Findings)); more > 0 {
		fmt.Fprintf(&b, "and %s more\n", text.Many(more, "finding"))
	}
	fmt.Fprintf(&b, "%s: %s, %s, %s\n", text.Escape(d.Path), text.Many(d.Messages, "message"), text.Many(d.Errors, "error"), text.Many(d.Warnings, "warning"))
	_, err := io.WriteString(a.Stdout, b.String())
	return err
}
