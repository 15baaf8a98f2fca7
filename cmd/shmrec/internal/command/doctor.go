package command

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
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
findings are printed. Of a directory it checks each recording, which --json lists. 'shmrec recover' writes what can be read to a new file, and 'shmrec convert' a new index.`,
		Example: `  shmrec doctor drive.mcap
  shmrec doctor drive.mcap --json | jq '.findings[] | select(.severity == "error")'`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := input(args[0])
			if err != nil {
				return err
			}
			defer in.close()
			debug.SetMemoryLimit(int64(memory)) // with what is garbage
			parts, err := record.Parts(in.path)
			if err != nil {
				return err
			}
			all, bad := []diagnosis{}, uint64(0)
			line := a.fileProgress("reading")
			err = cli.Await(cmd.Context(), func() error {
				for _, path := range parts {
					d, err := examine(path, uint64(memory), line.show)
					if err != nil {
						return err
					}
					all, bad = append(all, d), bad+d.Errors
				}
				return nil
			})
			line.clear()
			if err != nil {
				return in.named(err)
			}
			if len(parts) == 1 && parts[0] == in.path {
				all[0].Path = args[0]
				err = a.printDiagnosis(all[0], all...)
			} else {
				err = a.printDiagnosis(all, all...)
			}
			if err != nil || bad == 0 {
				return err
			}
			return cli.Unwellf("%s: %s", inputName(args[0]), text.Many(bad, "error"))
		},
	}
	cmd.Flags().Var(&memory, "memory", "how much memory to use at most, for example 1GiB; files with many topics or chunks need more")
	return cmd
}

func examine(path string, memory uint64, show func(float64)) (diagnosis, error) {
	d := diagnosis{Path: path}
	f, size, err := mcapfile.Open(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	d.Report, err = mcapfile.Check(f, size, &mcapfile.Limits{Memory: memory}, func(at int64) { show(float64(at) / float64(max(size, 1))) })
	if err != nil {
		return d, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// printDiagnosis prints the document, or all diagnoses as text.
func (a *app) printDiagnosis(document any, all ...diagnosis) error {
	if a.JSON {
		return a.Document(document)
	}
	var b strings.Builder
	for _, d := range all {
		for _, f := range d.Findings {
			fmt.Fprintf(&b, "%s at byte %d: %s\n", f.Severity, f.Offset, text.Escape(f.Text))
		}
		if more := d.Errors + d.Warnings - uint64(len(d.Findings)); more > 0 {
			fmt.Fprintf(&b, "and %s more\n", text.Many(more, "finding"))
		}
		fmt.Fprintf(&b, "%s: %s, %s, %s\n", inputName(d.Path), text.Many(d.Messages, "message"), text.Many(d.Errors, "error"), text.Many(d.Warnings, "warning"))
	}
	_, err := io.WriteString(a.Stdout, b.String())
	return err
}
