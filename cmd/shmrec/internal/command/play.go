package command

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
)

func (a *app) play() *cobra.Command {
	var rate, topics string
	var o record.PlayOptions
	cmd := &cobra.Command{
		Use:   "play FILE.mcap",
		Short: "Play an MCAP file into the domain",
		Long: `play publishes the messages of an MCAP file, from any tool, with their recorded types, by log time and in the
recorded spacing. A message that is late is published at once and never dropped; where a lossless subscription is
behind, play waits for it.

What is damaged in the file is left out, and the exit code is 3.`,
		Example: `  shmrec play drive.mcap
  shmrec play drive.mcap --rate max --topics '^/camera'
  shmrec play drive.mcap --loop
  shmrec play drive.mcap --wait-subscribers 1 --wait-timeout 30s`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Rate, o.Max, err = parseRate(rate); err != nil {
				return cli.Usage(cmd, err)
			}
			if o.WaitSubscribers < 0 || o.WaitTimeout < 0 {
				return cli.Usagef(cmd, "--wait-subscribers and --wait-timeout must not be negative")
			}
			if o.Topics, err = expression(cmd, "topics", topics); err != nil {
				return err
			}
			return a.doPlay(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&rate, "rate", "1", "speed: 1 as recorded, 2 twice as fast, max as fast as possible")
	f.BoolVar(&o.Loop, "loop", false, "play again and again, until Ctrl-C")
	f.StringVar(&topics, "topics", "", "play only topics that match this expression")
	f.IntVar(&o.WaitSubscribers, "wait-subscribers", 0, "wait until every topic has so many subscriptions")
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

func (a *app) doPlay(ctx context.Context, path string, o record.PlayOptions) error {
	p, err := a.Join()
	if err != nil {
		return err
	}
	defer p.Close()
	line := a.progress(playLine)
	o.Progress = line.show
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
