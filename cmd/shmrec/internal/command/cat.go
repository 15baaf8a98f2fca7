package command

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
)

func (a *app) cat() *cobra.Command {
	memory := size(mcapfile.DefaultMemory)
	var topics, exclude, start, end string
	var count int
	var paths []string
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "cat FILE.mcap",
		Short: "Print the messages of an MCAP file as JSON",
		Long: `cat prints one line of JSON for each message of an MCAP file, from any tool, by log time: when it was recorded and
published, topic, type, encoding, publisher, sequence number, size and content. Payloads of the encodings json, cbor, msgpack
and string are decoded, and those of encodings that need a schema by the schema in the file. What cannot be decoded is
in base64, with the reason as error.

--start and --end take a time as 2006-01-02T15:04:05Z, or as 10s the time since the first message of the chosen topics.
Expressions are Go regular expressions (RE2), not anchored. With --field only some fields of each message are printed, with --csv in
columns; a field that a message lacks is null, or empty. The messages of a service are chosen by its name. - is standard input, a directory the
parts of a recording.

It takes no more memory than --memory, except for decoding a message. Messages of more than half of it are left out, and
those of more than a sixteenth are in base64. What is damaged in the file is left out. When anything is left out or
not decoded, the exit code is 3. Payloads of encoding raw have nothing to decode.`,
		Example: `  shmrec cat drive.mcap
  shmrec cat drive.mcap --topics '^arm/' --start 10s --end 20s
  shmrec cat drive.mcap --topics '^odom$' | jq '.data.pose.x'
  shmrec cat drive.mcap --topics '^odom$' --csv --field pose.x --field pose.y > odom.csv
  shmrec cat drive.mcap -n 5`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			var o record.ReadOptions
			var err error
			if o.Topics, err = expression(cmd, "topics", topics); err != nil {
				return err
			}
			if o.Exclude, err = expression(cmd, "exclude", exclude); err != nil {
				return err
			}
			if o.Start, o.StartElapsed, err = parseMoment(start); err != nil {
				return cli.Usagef(cmd, "--start %w", err)
			}
			if o.End, o.EndElapsed, err = parseMoment(end); err != nil {
				return cli.Usagef(cmd, "--end %w", err)
			}
			if end != "" && o.End.IsZero() && o.EndElapsed == 0 {
				return cli.Usagef(cmd, "--end %s leaves nothing to print", end)
			}
			if count < 0 {
				return cli.Usagef(cmd, "--count %d is negative", count)
			}
			fields, err := parseFields(paths)
			if err != nil {
				return cli.Usagef(cmd, "--field %w", err)
			}
			if asCSV && (len(fields) == 0 || a.JSON) {
				return cli.Usage(cmd, errColumns)
			}
			o.Memory = uint64(memory)
			debug.SetMemoryLimit(int64(memory)) // with what is garbage
			lines := newMessageLines(a.Stdout, fields, int(o.Memory/decodedShare), asCSV)
			in, err := input(args[0])
			if err != nil {
				return err
			}
			defer in.close()
			return in.named(a.doCat(cmd.Context(), inputName(args[0]), in.path, &o, lines, count))
		},
	}
	f := cmd.Flags()
	f.StringVar(&topics, "topics", "", "print only topics that match this expression")
	f.StringVar(&exclude, "exclude", "", "print no topics that match this expression")
	f.StringVar(&start, "start", "", "begin with messages that were recorded then")
	f.StringVar(&end, "end", "", "end before messages that were recorded then")
	f.IntVarP(&count, "count", "n", 0, "how many messages to print; 0 is all")
	f.StringArrayVar(&paths, "field", nil, "print only this field of each message, for example pose.position.x; may be given several times")
	f.BoolVar(&asCSV, "csv", false, "print time, topic, sequence and the fields of each message as comma-separated values")
	f.Var(&memory, "memory", "how much memory to use to read the file, for example 1GiB")
	return cmd
}

// parseMoment parses a time, or the time since the beginning.
func parseMoment(s string) (at time.Time, since time.Duration, err error) {
	if s == "" {
		return at, 0, nil
	}
	if since, err = time.ParseDuration(s); err == nil && since >= 0 {
		return at, since, nil
	}
	if at, err = time.Parse(time.RFC3339, s); err == nil && !at.IsZero() {
		return at, 0, nil
	}
	return at, 0, fmt.Errorf("%.100q is neither a time such as 2006-01-02T15:04:05Z nor a time since the beginning such as 10s", s)
}

// errCounted ends the reading after the number of messages that was asked for.
var errCounted = errors.New("enough messages")

// doCat prints the messages of the file at path, which the command line calls name.
func (a *app) doCat(ctx context.Context, name, path string, o *record.ReadOptions, lines *messageLines, count int) error {
	var s record.Summary
	line := a.fileProgress("reading")
	if a.Screen == nil {
		o.Progress = line.show // else the messages are the progress
	}
	err := cli.Await(ctx, func() (err error) {
		s, err = record.Read(ctx, path, o, func(m *record.Message) error {
			if err := lines.print(m); err != nil {
				return err
			}
			if lines.printed == count {
				return errCounted
			}
			return nil
		})
		return err
	})
	line.clear()
	if errors.Is(err, cli.ErrInterrupted) {
		return fmt.Errorf("read %s: %w", name, err) // the lines are still in use
	}
	if flushed := lines.flush(); err == nil || errors.Is(err, errCounted) {
		err = flushed
	}
	switch {
	case err != nil:
		return err
	case s.Damage != nil:
		return cli.Lossyf("%s: %v", name, s.Damage)
	case lines.undecoded > 0:
		return cli.Lossyf("%s: %s not decoded: %v", name, text.Many(lines.undecoded, "message"), lines.first)
	}
	return lines.missing(name)
}
