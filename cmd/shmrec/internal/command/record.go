package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
)

func (a *app) record() *cobra.Command {
	var out, include, exclude string
	var o record.RecordOptions
	cmd := &cobra.Command{
		Use:   "record -o FILE.mcap",
		Short: "Record topics to a new MCAP file",
		Long: `record writes what is published in the domain to a new MCAP file, also on topics that appear later, until Ctrl-C,
SIGTERM, SIGHUP or --duration; it then takes what was published before, and closes the file.

It slows no publisher: where it cannot keep up, messages are lost, counted and named at the end, and the exit code is 3.
With --lossless publishers wait for it instead; that is for tests.

What is not a file must be a pipe, which is streamed to; what is said of the recording then goes to standard error, if
the pipe is standard output. A file that another program removes, moves or cuts meanwhile is an error.

The file is written half a second behind, so that even a recorder that is killed leaves all before that readable. To
be safe against a power failure too, see --sync. Expressions are Go regular expressions (RE2), not anchored.`,
		Example: `  shmrec record -o drive.mcap
  shmrec record -o arm.mcap --include '^arm/' --exclude 'debug'
  shmrec record -o ten.mcap --duration 10s --json
  shmrec record -o - --duration 10s | ssh base 'cat > drive.mcap'`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return cli.Usagef(cmd, "where to? Name the file with -o FILE.mcap")
			}
			if o.Duration < 0 || o.SyncInterval < 0 {
				return cli.Usagef(cmd, "a duration must not be negative")
			}
			var err error
			if o.Include, err = expression(cmd, "include", include); err != nil {
				return err
			}
			if o.Exclude, err = expression(cmd, "exclude", exclude); err != nil {
				return err
			}
			return a.doRecord(cmd.Context(), out, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "the file to write, or a pipe that a program reads; - is standard output")
	f.StringVar(&include, "include", "", "record only topics that match this expression")
	f.StringVar(&exclude, "exclude", "", "record no topics that match this expression")
	f.DurationVar(&o.Duration, "duration", 0, "end after this long, for example 90s")
	f.BoolVar(&o.Lossless, "lossless", false, "make publishers wait for the recorder rather than lose messages")
	f.BoolVar(&o.Force, "force", false, "replace the file if it exists")
	f.DurationVar(&o.SyncInterval, "sync", 0, "force the file to the disk this often (default only at the end)")
	_ = cmd.MarkFlagFilename("output", "mcap") // fails only for a flag that does not exist
	return cmd
}

func (a *app) doRecord(ctx context.Context, path string, o record.RecordOptions) error {
	if path == "-" {
		path = "/dev/stdout"
		info, err := os.Stdout.Stat()
		o.Force = o.Force || err == nil && info.Size() == 0 // a file that the shell has made for it
	}
	if isStdout(path) {
		if a.Screen != nil {
			return fmt.Errorf("record to %s: it is a terminal; name a file, or have a program read it: shmrec record -o - | program", path)
		}
		a.Stdout = a.Stderr // what is said of the recording is not part of it
	}
	p, err := a.JoinToRead()
	if err != nil {
		return err
	}
	defer p.Close()
	line := a.progress(recordLine)
	o.Progress = line.show
	s, err := record.Record(ctx, p, path, &o)
	line.clear()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; create %s first", err, filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	if err := a.printSummary(&s, recorded); err != nil {
		return err
	}
	if len(s.Topics) == 0 && (o.Include != nil || o.Exclude != nil) {
		fmt.Fprintf(a.Stderr, "no topic matched %s; 'shmmon list' shows which topics there are\n", chosen(&o))
	}
	if s.Lost > 0 {
		return cli.Lossyf("%s", lostText(&s))
	}
	return nil
}

func recordLine(p record.Progress) string {
	s := fmt.Sprintf("recording %s: %d messages, %s on %d topics", p.Elapsed.Round(time.Second), p.Messages, text.Bytes(p.Bytes), p.Topics)
	if p.Lost > 0 {
		s += fmt.Sprintf(", %d LOST", p.Lost)
	}
	return s + " (Ctrl-C ends it)"
}
