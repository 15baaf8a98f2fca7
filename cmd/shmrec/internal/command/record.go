package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/control"
)

func (a *app) record() *cobra.Command {
	var fl recordFlags
	cmd := &cobra.Command{
		Use:   "record -o FILE.mcap",
		Short: "Record topics to a new MCAP file",
		Long: `record writes what is published in the domain to a new MCAP file, also on topics that appear later, until Ctrl-C,
SIGTERM, SIGHUP or --duration; it then takes what was published before, and closes the file. Until then the name of the
file ends with .unfinished.

Calls of services and goals are recorded too, chosen by the names of the services; --no-services leaves them out.

It slows no publisher: where it cannot keep up, messages are lost, counted and named at the end, and the exit code is 3.
With --lossless publishers wait for it instead; that is for tests.

--numbered, --split-size and --split-duration write parts, drive-0001.mcap and so on for drive.mcap. Each is complete in
itself. --keep-size, --keep-duration and --min-free with --delete-oldest delete the oldest, also those of earlier
recordings under the same name.

With --trigger, or --trigger-topic, nothing is written until a trigger comes; then what was published --before it and
--after it is a part. The topics of triggers need not be among the recorded ones. SIGUSR1 is a trigger, or without
--trigger the end of a part; SIGUSR2 pauses and resumes. shmrec ctl sends the same as commands.

What is not a file must be a pipe, which is streamed to; what is said of the recording then goes to standard error, if
the pipe is standard output. A file that another program removes, moves or cuts meanwhile is an error.

The file is written half a second behind, so that even a recorder that is killed leaves all before that readable. To
be safe against a power failure too, see --sync. Expressions are Go regular expressions (RE2), not anchored.`,
		Example: `  shmrec record -o drive.mcap
  shmrec record -o arm.mcap --include '^arm/' --exclude 'debug'
  shmrec record -o ten.mcap --duration 10s --json
  shmrec record -o night.mcap --split-size 1GB --keep-size 20GB --min-free 2GB --delete-oldest
  shmrec record -o event.mcap --trigger --before 30s --after 10s
  shmrec record -o - --duration 10s | ssh base 'cat > drive.mcap'`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := fl.options(cmd)
			if err != nil {
				return err
			}
			return a.doRecord(cmd.Context(), fl.out, o, fl.status)
		},
	}
	fl.define(cmd)
	return cmd
}

// topicMemory is twice the memory that a topic with one publisher takes. Beside thousands of topics, the collector of garbage would otherwise
// take all the time.
const topicMemory = 32 << 10

func (a *app) doRecord(ctx context.Context, path string, o record.RecordOptions, status bool) error {
	argument := path
	if path == standard {
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
	note := a.newDomain()
	p, err := a.JoinToRead()
	if err != nil {
		return err
	}
	defer p.Close()
	fmt.Fprint(a.Stderr, note)
	limit := o.MemoryLimit()
	debug.SetMemoryLimit(limit)
	line := a.progressLine()
	show := func(s record.Status) { line.print(recordLine(&s)) }
	if status {
		show = a.printStatus
	}
	o.Progress = func(s record.Status) {
		debug.SetMemoryLimit(limit + topicMemory*int64(len(s.Topics)))
		show(s)
	}
	signals := newSignalSteering()
	defer signals.stop()
	rec, err := record.Start(ctx, p, path, &o)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; create %s first", err, filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	signals.steer(a, rec, o.Trigger != nil)
	if server, err := control.Serve(p.Dir(), p.ID(), control.Service{Kind: "recorder", Path: argument, Commands: rec.Commands()}); err != nil {
		fmt.Fprintf(a.Stderr, "shmrec: this recording cannot be controlled by shmrec ctl: %v\n", err)
	} else {
		defer server.Close()
	}
	s, err := rec.Wait()
	line.clear()
	if err != nil {
		return err
	}
	s.Path = argument
	if argument == standard && len(s.Files) == 1 {
		s.Files[0] = standard
	}
	if err := a.printSummary(&s, recorded); err != nil {
		return err
	}
	if len(s.Topics) == 0 && chosen(&o) != "" {
		fmt.Fprintf(a.Stderr, "no topic matched %s; 'shmmon list' shows which topics there are\n", chosen(&o))
	}
	if t := o.Trigger; t != nil && t.Topics != nil && s.TriggerPublishers == 0 {
		fmt.Fprintf(a.Stderr, "no topic matched --trigger-topic %q; 'shmmon list' shows which topics there are\n", t.Topics)
	}
	if s.Lost > 0 {
		return cli.Lossyf("%s", lostText(&s))
	}
	return nil
}
