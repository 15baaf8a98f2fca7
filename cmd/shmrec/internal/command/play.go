package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/registry"
)

func (a *app) play() *cobra.Command {
	var rate, topics, exclude, latched string
	var renames []string
	var o record.PlayOptions
	var memory size
	cmd := &cobra.Command{
		Use:   "play FILE.mcap",
		Short: "Play an MCAP file into the domain",
		Long: `play publishes the messages of an MCAP file, from any tool, with their recorded types, by log time and in the
recorded spacing. A message that is late is published at once and never dropped; where a lossless subscription is
behind, play waits for it.

A topic whose name is none here is played under a name that fits, which is shown; --rename chooses another. Topics that
the recording calls latched, also as transient local (ROS 2), are latched. Expressions are Go regular expressions (RE2),
not anchored, and about the names in the recording.

What is damaged in the file is left out, and the exit code is 3.`,
		Example: `  shmrec play drive.mcap
  shmrec play drive.mcap --rate max --topics '^/camera'
  shmrec play drive.mcap --loop --max-gap 10s
  shmrec play other.mcap --exclude '^/debug' --rename '/diag/=/diagnostics' --latched '^/map$'
  shmrec play drive.mcap --wait-subscribers 1 --wait-timeout 30s`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Rate, o.Max, err = parseRate(rate); err != nil {
				return cli.Usage(cmd, err)
			}
			if o.WaitSubscribers < 0 || o.WaitTimeout < 0 || o.MaxGap < 0 {
				return cli.Usagef(cmd, "--wait-subscribers, --wait-timeout and --max-gap must not be negative")
			}
			if o.Topics, err = expression(cmd, "topics", topics); err != nil {
				return err
			}
			if o.Exclude, err = expression(cmd, "exclude", exclude); err != nil {
				return err
			}
			if o.Latched, err = expression(cmd, "latched", latched); err != nil {
				return err
			}
			if o.Rename, err = parseRenames(renames); err != nil {
				return cli.Usage(cmd, err)
			}
			if o.Memory = uint64(memory); o.Memory > 0 {
				debug.SetMemoryLimit(int64(memory)) // with what is garbage
			}
			return a.doPlay(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&rate, "rate", "1", "speed: 1 as recorded, 2 twice as fast, max as fast as possible")
	f.BoolVar(&o.Loop, "loop", false, "play again and again, until Ctrl-C")
	f.DurationVar(&o.MaxGap, "max-gap", 0, "play longer times without a message as this one, for example 10s (default as recorded)")
	f.StringVar(&topics, "topics", "", "play only topics that match this expression")
	f.StringVar(&exclude, "exclude", "", "play no topics that match this expression")
	f.StringArrayVar(&renames, "rename", nil, "play a topic under another name: OLD=NEW; may be given several times")
	f.StringVar(&latched, "latched", "", "latch topics that match this expression, besides those that were latched")
	f.IntVar(&o.WaitSubscribers, "wait-subscribers", 0, "wait until every topic has so many subscriptions")
	f.Var(&memory, "memory", "how much memory to use at most to read the file; a message of more than half is left out (default 256 MiB and the largest message)")
	f.DurationVar(&o.WaitTimeout, "wait-timeout", 0, "give up waiting for them after this long (default never)")
	return cmd
}

func parseRate(s string) (rate float64, max bool, err error) {
	if s == "max" {
		return 1, true, nil
	}
	rate, err = strconv.ParseFloat(s, 64)
	if err != nil || !(rate > 0) || math.IsInf(rate, 0) {
		return 0, false, fmt.Errorf("--rate %q is not a number greater than 0, nor max", s)
	}
	return rate, false, nil
}

// parseRenames splits OLD=NEW at the last '=': a name of another system may hold one, and the new name need not.
func parseRenames(renames []string) (map[string]string, error) {
	m := make(map[string]string)
	for _, r := range renames {
		i := strings.LastIndexByte(r, '=')
		if i < 0 {
			return nil, fmt.Errorf("--rename %q is not OLD=NEW", r)
		}
		from, to := r[:i], r[i+1:]
		if err := registry.CheckTopic(to); err != nil {
			return nil, fmt.Errorf("--rename %q: %w", r, err)
		}
		if _, twice := m[from]; twice {
			return nil, fmt.Errorf("--rename names the topic %q twice", from)
		}
		m[from] = to
	}
	return m, nil
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

func (a *app) doPlay(ctx context.Context, path string, o record.PlayOptions) error {
	p, err := a.Join()
	if err != nil {
		return err
	}
	defer p.Close()
	line := a.progress(playLine)
	o.Progress = line.show
	o.Mapped = func(all []record.Mapping) { a.showMappings(path, all) }
	o.LongGap = func(gap time.Duration) {
		line.clear()
		fmt.Fprintf(a.Stderr, "shmrec: %s: nothing is to be published for %s; --max-gap 10s cuts such times to 10 s\n", path, text.Duration(int64(gap)))
	}
	var s record.Summary
	err = cli.Await(ctx, func() (err error) {
		s, err = record.Play(ctx, p, path, &o)
		return err
	})
	line.clear()
	switch {
	case err == nil:
	case errors.Is(err, cli.ErrInterrupted):
		return fmt.Errorf("play %s: interrupted while reading what is in it", path)
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w; they have %v to come, more with --wait-timeout", err, o.WaitTimeout)
	case !errors.Is(err, context.Canceled) || ctx.Err() == nil:
		return err
	case !o.Loop:
		return fmt.Errorf("play %s: interrupted after %s", path, text.Many(s.Messages, "message"))
	}
	if err := a.printSummary(&s, played); err != nil {
		return err
	}
	if s.Damage != nil {
		return cli.Lossyf("%s: %v", path, s.Damage)
	}
	return nil
}

func playLine(p record.Progress) string {
	s := fmt.Sprintf("playing %s: %d of %d messages", p.Elapsed.Round(time.Second), p.Messages, p.Total)
	if p.Total > 0 && p.Messages > p.Total {
		s = fmt.Sprintf("playing %s: %d messages, pass %d", p.Elapsed.Round(time.Second), p.Messages, p.Messages/p.Total+1)
	}
	if p.Next >= time.Second {
		s += fmt.Sprintf(", the next one in %s", p.Next.Round(time.Second))
	}
	return s
}
