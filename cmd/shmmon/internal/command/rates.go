package command

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// A window is how hz and bw measure: n windows one after the other.
type window struct {
	n        int // 0 is until interrupted
	length   time.Duration
	duration time.Duration
}

func (w *window) flags(cmd *cobra.Command) {
	cmd.Flags().IntVarP(&w.n, "count", "n", 3, "how many windows to measure; 0 is until interrupted")
	cmd.Flags().DurationVar(&w.length, "window", time.Second, "length of a window; slow topics are averaged over more")
	cmd.Flags().DurationVar(&w.duration, "duration", 0, "measure for this long, instead of --count")
}

func (w *window) check(cmd *cobra.Command) error {
	switch {
	case w.length < 10*time.Millisecond || w.length > time.Hour:
		return cli.Usagef(cmd, "--window %v is not between 10ms and 1h", w.length)
	case w.duration < 0:
		return cli.Usagef(cmd, "--duration %v is negative", w.duration)
	case w.duration > 0 && cmd.Flags().Changed("count"):
		return cli.Usagef(cmd, "--count and --duration both say when to end; give one of them")
	case w.duration > 0:
		w.n = int((w.duration-1)/w.length) + 1
	case w.n < 0:
		return cli.Usagef(cmd, "--count %d is negative", w.n)
	}
	return nil
}

// A series sums up the windows of one topic.
type series struct {
	n             int
	sum, min, max float64
}

func (s *series) add(v float64) {
	if s.n == 0 {
		s.min = v
	}
	s.n++
	s.sum += v
	s.min, s.max = min(s.min, v), max(s.max, v)
}

func (s *series) mean() float64 { return s.sum / float64(s.n) }

// A figures is what a series has in JSON.
type figures struct {
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

func (s *series) figures() figures { return figures{round(s.mean()), round(s.min), round(s.max)} }

// windows measures and calls report for every topic that the pattern stands for at the end of every window. The name is
// escaped and as wide as the others of its window.
func (a *app) windows(ctx context.Context, w window, pattern string, report func(name string, t watch.Topic) error) error {
	source, dir, err := a.open()
	if err != nil {
		return err
	}
	defer source.Close()
	tracker := watch.NewTracker(&watch.TrackerOptions{Window: w.length})
	s, err := source.Look()
	if err != nil {
		return err
	}
	if _, err := choose(tracker.Add(s), dir, pattern); err != nil {
		return err
	}
	defer a.Streaming(ctx)()
	shown := false
	for i := 0; w.n == 0 || i < w.n; i++ {
		// The windows end where they would if nothing took time.
		end := s.At + int64(i+1)*int64(w.length)
		for {
			now, err := source.Look()
			if err != nil {
				return err
			}
			v := tracker.Add(now)
			if now.At >= end {
				// A topic may go and come back; to have said nothing at all is an error.
				topics, gone := choose(v, dir, pattern)
				if shown = shown || gone == nil; !shown && i == w.n-1 {
					return gone
				}
				if err := reportAll(topics, report); err != nil {
					return err
				}
				break
			}
			if err := pause(ctx, min(w.length/8, time.Duration(end-now.At))); err != nil {
				if w.n == 0 {
					return nil // the way it is meant to end
				}
				return err
			}
		}
	}
	return nil
}

func reportAll(topics []watch.Topic, report func(name string, t watch.Topic) error) error {
	width := 0
	for _, t := range topics {
		width = max(width, text.Width(text.Escape(t.Name)))
	}
	for _, t := range topics {
		if err := report(text.Left(text.Escape(t.Name), width), t); err != nil {
			return err
		}
	}
	return nil
}

// meter completes a command that measures a figure of topics in windows and prints a line for each.
func (a *app) meter(cmd *cobra.Command, figure func(watch.Topic) float64, line func(w *window, name string, t watch.Topic, s *series) error) *cobra.Command {
	var w window
	w.flags(cmd)
	cmd.Args = onePattern
	cmd.ValidArgsFunction = a.complete
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := w.check(cmd); err != nil {
			return err
		}
		all := make(map[string]*series)
		return a.windows(cmd.Context(), w, args[0], func(name string, t watch.Topic) error {
			s := all[t.Name]
			if s == nil {
				s = &series{}
				all[t.Name] = s
			}
			s.add(figure(t))
			return line(&w, name, t, s)
		})
	}
	return cmd
}

func (a *app) hz() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hz TOPIC",
		Short: "Measure the rate of a topic, from the publishers' counters",
		Long: `Measure the rate of a topic, from the publishers' counters. Each window gives one line: the rate in it, and the mean, least
and greatest rate of all windows so far. TOPIC may be a pattern.`,
		Example: `  shmmon hz robot/pose
  shmmon hz 'robot/**' --duration 10s --json`,
	}
	return a.meter(cmd, func(t watch.Topic) float64 { return t.Rate }, func(w *window, name string, t watch.Topic, s *series) error {
		if a.JSON {
			return a.Line(struct {
				Topic  string  `json:"topic"`
				Window float64 `json:"window_s"`
				Rate   float64 `json:"rate"`
				figures
				Measured bool   `json:"measured"`
				Messages uint64 `json:"messages"`
			}{t.Name, w.length.Seconds(), round(t.Rate), s.figures(), t.Measured, t.Messages})
		}
		_, err := fmt.Fprintf(a.Stdout, "%s  %6s msg/s  mean %6s  min %6s  max %6s\n",
			name, text.Rate(t.Rate), text.Rate(s.mean()), text.Rate(s.min), text.Rate(s.max))
		return err
	})
}

func (a *app) bw() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bw TOPIC",
		Short: "Measure the bandwidth of a topic, from the publishers' counters",
		Long: `Measure the payload bytes per second of a topic, from the publishers' counters. Each window gives one line: the bandwidth in
it, and the mean, least and greatest of all windows so far. TOPIC may be a pattern.`,
		Example: `  shmmon bw camera/front
  shmmon bw '**' -n 1 --json`,
	}
	return a.meter(cmd, func(t watch.Topic) float64 { return t.Bandwidth }, func(w *window, name string, t watch.Topic, s *series) error {
		size := 0.0
		if t.Rate > 0 {
			size = t.Bandwidth / t.Rate
		}
		if a.JSON {
			return a.Line(struct {
				Topic     string  `json:"topic"`
				Window    float64 `json:"window_s"`
				Bandwidth float64 `json:"bandwidth"`
				figures
				Size     float64 `json:"mean_size"`
				Measured bool    `json:"measured"`
				Bytes    uint64  `json:"bytes"`
			}{t.Name, w.length.Seconds(), round(t.Bandwidth), s.figures(), round(size), t.Measured, t.Bytes})
		}
		_, err := fmt.Fprintf(a.Stdout, "%s  %9s  mean %9s  min %9s  max %9s  %s each\n",
			name, text.Bandwidth(t.Bandwidth), text.Bandwidth(s.mean()), text.Bandwidth(s.min), text.Bandwidth(s.max),
			text.Bytes(uint64(min(math.Round(size), 1e18))))
		return err
	})
}
