package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/control"
)

func (a *app) play() *cobra.Command {
	f := new(playFlags)
	cmd := &cobra.Command{
		Use:   "play FILE.mcap...",
		Short: "Play MCAP files into the domain",
		Long: `play publishes the messages of MCAP files, from any tool, with their recorded types, by log time and in the
recorded spacing. A directory is all files in it: the parts of one recording; - is standard input. Several files are played
as one. A message that is
late is published at once and never dropped, unless --late says otherwise; where a lossless subscription is behind, play waits
for it.

--start and --end take a time as 2006-01-02T15:04:05Z, or as 10s the time since the beginning. What latched topics had at the
start is published first.

A topic whose name is none here is played under a name that fits, which is shown; --rename chooses another. Topics that
the recording calls latched, also as transient local (ROS 2), are latched. Expressions are Go regular expressions (RE2),
not anchored, and about the names in the recording.

Calls of services and goals are not played, unless --services requests sends their requests again, to the servers that
are there. --topics and --exclude choose services by name. A request that has no answer, or an error that the recording
does not have, makes the exit code 3.

On a terminal, keys control the replay; ? shows them. From elsewhere, shmrec ctl does.

What is damaged in the file is left out, and the exit code is 3, as for messages that --late skip left out.`,
		Example: `  shmrec play drive.mcap
  shmrec play drive.mcap --rate max --topics '^/camera'
  shmrec play drive.mcap --start 90s --duration 10s
  shmrec play drive.mcap --loop --max-gap 10s
  shmrec play robot.mcap station.mcap --offset station.mcap=-1.5s
  shmrec play other.mcap --exclude '^/debug' --rename '/diag/=/diagnostics' --latched '^/map$'
  shmrec play drive.mcap --rate max --wait-subscribers 1 --lock-step --answer detections
  shmrec play drive.mcap --services requests --topics '^arm/plan$'
  shmrec play drive.mcap --verify`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("FILE.mcap is missing: %s", cmd.UseLine())
			}
			return nil
		},
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd, args); err != nil {
				return err
			}
			in, path, err := playInput(cmd, args, &f.o)
			if err != nil {
				return err
			}
			defer in.close()
			if f.verify {
				return in.named(a.doVerify(cmd.Context(), args[0], path, f.o))
			}
			return in.named(a.doPlay(cmd.Context(), args[0], path, f))
		},
	}
	f.define(cmd)
	return cmd
}

// playInput returns the standard input among the files, or the first one, and the path of the first one.
func playInput(cmd *cobra.Command, args []string, o *record.PlayOptions) (in *inputFile, path string, err error) {
	at := slices.Index(args, standard)
	if at >= 0 && slices.Contains(args[at+1:], standard) {
		return nil, "", cli.Usage(cmd, errTwice)
	}
	if in, err = input(args[max(at, 0)]); err != nil {
		return nil, "", err
	}
	if at > 0 {
		o.Files[at-1].Path = in.path
		return in, args[0], nil
	}
	return in, in.path, nil
}

// shownMappings is how many changes of names are shown one by one.
const shownMappings = 20

// showMappings says what is played otherwise than it was recorded, and was not asked for.
func (a *app) showMappings(path string, all []record.Mapping) {
	var b strings.Builder
	n := 0
	for _, m := range all {
		if m.Rule == "" {
			continue
		}
		if n++; n > shownMappings {
			continue
		}
		switch m.What {
		case "topic":
			fmt.Fprintf(&b, "shmrec: %s: topic %.300q is played as %q: %s\n", path, m.From, m.To, m.Rule)
		case "metadata":
			fmt.Fprintf(&b, "shmrec: %s: topic %.300q is played without its metadata of %s: %s\n", path, m.Topic, m.From, m.Rule)
		case "schema":
			fmt.Fprintf(&b, "shmrec: %s: topic %.300q is played without its schema of %s: %s\n", path, m.Topic, m.From, m.Rule)
		default:
			fmt.Fprintf(&b, "shmrec: %s: topic %.300q is played with the %s %.300q for %.300q: %s\n", path, m.Topic, m.What, m.To, m.From, m.Rule)
		}
	}
	if n > shownMappings {
		fmt.Fprintf(&b, "shmrec: %s: %d more names do not fit and are changed likewise; --json lists them all\n", path, n-shownMappings)
	}
	io.WriteString(a.Stderr, b.String())
}

// doPlay plays the file at path, which the command line calls argument, and others.
func (a *app) doPlay(ctx context.Context, argument, path string, f *playFlags) error {
	o, name := f.o, inputName(argument)
	p, err := a.Join()
	if err != nil {
		return err
	}
	defer p.Close()
	o.Control = new(record.PlayControl)
	if f.paused {
		o.Control.Pause()
	}
	if server, err := control.Serve(p.Dir(), p.ID(), control.Service{Kind: "player", Path: argument, Commands: o.Control.Commands()}); err != nil {
		fmt.Fprintf(a.Stderr, "shmrec: this replay cannot be controlled by shmrec ctl: %v\n", err)
	} else {
		defer server.Close()
	}
	line := a.progress(func(p record.Progress) string { return playLine(p, o.Control.Status()) })
	o.Progress = line.show
	o.Mapped = func(all []record.Mapping) { a.showMappings(name, all) }
	o.LongGap = func(gap time.Duration) {
		line.clear()
		fmt.Fprintf(a.Stderr, "shmrec: %s: nothing is to be published for %s; --max-gap 10s cuts such times to 10 s\n", name, text.Duration(int64(gap)))
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	restore := a.playKeys(ctx, o.Control, line, end)
	var s record.Summary
	err = cli.Await(ctx, func() (err error) {
		s, err = record.Play(ctx, p, path, &o)
		return err
	})
	restore()
	line.clear()
	switch {
	case err == nil:
	case errors.Is(err, cli.ErrInterrupted):
		return fmt.Errorf("play %s: interrupted while reading what is in it", name)
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && o.WaitTimeout > 0 && s.Messages == 0:
		return fmt.Errorf("%w; they have %v to come, more with --wait-timeout", err, o.WaitTimeout)
	case !errors.Is(err, context.Canceled) || ctx.Err() == nil:
		return err
	case !o.Loop:
		return fmt.Errorf("play %s: interrupted after %s", name, text.Many(s.Messages, "message"))
	}
	s.Path = argument
	if err := a.printSummary(&s, played); err != nil {
		return err
	}
	if s.Damage != nil {
		return cli.Lossyf("%s: %v", name, s.Damage)
	}
	a.showLeftOut(name, s.LeftOut)
	if text := failedRequests(s.Services); text != "" {
		return cli.Lossyf("%s: %s", name, text)
	}
	if s.Skipped > 0 {
		return cli.Lossyf("%s: %s skipped, because they were late by more than %v", name, text.Many(s.Skipped, "message"), o.LateAfter)
	}
	return nil
}
