package command

import (
	"context"
	"fmt"
	"io"
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
	cmd.Flags().DurationVar(&w.length, "window", time.Second, "length of a window; that of a topic with fewer than three messages in it is longer")
	cmd.Flags().DurationVar(&w.duration, "duration", 0, "measure for this long, instead of --count")
}

func (w *window) check(cmd *cobra.Command) error {
	switch {
	case w.length < 10*time.Millisecond || w.length > time.Hour:
		return cli.Usagef(cmd, "--window %v is not between 10ms and 1h", w.length)
	case w.duration < 0:
		return cli.Usagef(cmd, "--duration %v is negative", w.duration)
	case w.duration > 0 && cmd.Flags().Changed("count") && w.n != 0:
		return cli.Usagef(cmd, "--count and --duration both say when to end; give one of them")
	case w.duration > 0:
		w.n = int((w.duration-1)/w.length) + 1
	case w.n < 0:
		return cli.Usagef(cmd, "--count %d is negative", w.n)
	}
	return nil
}

// A series is the least and greatest figure of the windows of one topic; until one was measured, of the averages of its life.
type series struct {
	n        int
	measured bool
	min, max float64
}

func (s *series) add(v float64, measured bool) {
	if s.n == 0 || measured && !s.measured {
		*s = series{measured: measured, min: v, max: v}
	}
	s.n++
	if measured == s.measured {
		s.min, s.max = min(s.min, v), max(s.max, v)
	}
}

// A figures is what hz and bw have in common in JSON: the mean is of all windows together, which is what came over the time observed.
type figures struct {
	Mean       float64 `json:"mean"`
	Min        float64 `json:"min"`
	Max        float64 `json:"max"`
	Measured   bool    `json:"measured"`
	Span       float64 `json:"span_s"` // of the newest window
	MeanLength float64 `json:"mean_s"`
}

func (r *reading) figures() figures {
	return figures{round(r.mean), round(r.series.min), round(r.series.max), r.topic.Measured, round(r.topic.Window.Seconds()), round(r.total.Length().Seconds())}
}

// A reading is what a window says of one topic.
type reading struct {
	name   string // escaped and as wide as the others of its window
	topic  watch.Topic
	total  watch.Total // of all windows so far
	figure float64     // of the window
	mean   float64     // of all windows so far
	series *series
}

// note says in text what a line does not measure in its own window.
func (r *reading) note(w *window) string {
	switch {
	case r.topic.Window == 0:
		return ""
	case !r.topic.Measured:
		return "  (average since it began)"
	case r.topic.Window > w.length+w.length/2:
		return "  (over " + text.Duration(int64(r.topic.Window)) + ")"
	}
	return ""
}

// windows measures and calls report for every topic that the pattern stands for at the end of every window.
func (a *app) windows(ctx context.Context, w window, pattern string, report func(name string, t watch.Topic, total watch.Total) error) error {
	source, dir, err := a.open()
	if err != nil {
		return err
	}
	defer source.Close()
	tracker := watch.NewTracker(&watch.TrackerOptions{Window: w.length})
	s, err := source.Snapshot()
	if err != nil {
		return err
	}
	var totals watch.Totals
	v := tracker.Add(s)
	totals.Add(v)
	if _, err := choose(v, dir, pattern); err != nil {
		return err
	}
	defer a.Streaming(ctx)()
	shown := false
	for i := 0; w.n == 0 || i < w.n; i++ {
		// The windows end where they would if nothing took time.
		end := s.At + int64(i+1)*int64(w.length)
		for {
			now, err := source.Snapshot()
			if err != nil {
				return err
			}
			v := tracker.Add(now)
			totals.Add(v)
			if now.At >= end {
				// A topic may go and come back; to have said nothing at all is an error.
				topics, gone := choose(v, dir, pattern)
				if shown = shown || gone == nil; !shown && i == w.n-1 {
					return gone
				}
				if err := a.reportAll(topics, &totals, report); err != nil {
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

func (a *app) reportAll(topics []watch.Topic, totals *watch.Totals, report func(name string, t watch.Topic, total watch.Total) error) error {
	width := 0
	for _, t := range topics {
		width = max(width, text.Width(a.shortName(t.Name)))
	}
	for _, t := range topics {
		if err := report(text.Left(a.shortName(t.Name), width), t, totals.Of(t.Name)); err != nil {
			return err
		}
	}
	return nil
}

// shortName is a name for a line of figures, escaped. On a terminal it is cut to a third of the line, or to 24 cells.
func (a *app) shortName(name string) string {
	name = text.Escape(name)
	if columns := a.Columns(); columns > 0 {
		return text.Middle(name, min(text.Width(name), max(24, columns/3)))
	}
	return name
}

// meter completes a command that measures a figure of topics in windows and prints a line for each. figure and mean are of a window
// and of all together.
func (a *app) meter(cmd *cobra.Command, figure func(watch.Topic) float64, mean func(watch.Total) float64, line func(w *window, r *reading) error) *cobra.Command {
	var w window
	w.flags(cmd)
	cmd.Args = onePattern
	cmd.ValidArgsFunction = a.complete
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := w.check(cmd); err != nil {
			return err
		}
		all := make(map[string]*series)
		return a.windows(cmd.Context(), w, args[0], func(name string, t watch.Topic, total watch.Total) error {
			s := all[t.Name]
			if s == nil {
				s = &series{}
				all[t.Name] = s
			}
			r := &reading{name: name, topic: t, total: total, figure: figure(t), mean: mean(total), series: s}
			s.add(r.figure, t.Measured)
			return line(&w, r)
		})
	}
	return a.tabular(cmd)
}

const windowsLong = `Each window gives one line: the figure in it, and the mean, least and greatest of all windows so far. The mean is what came over
the time observed. A window with fewer than three messages is made longer, back to where it has three. TOPIC may be a pattern.`

func (a *app) hz() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hz TOPIC",
		Short: "Measure the rate of a topic, from the publishers' counters",
		Long:  "Measure the rate of a topic, from the publishers' counters. " + windowsLong,
		Example: `  shmmon hz robot/pose
  shmmon hz 'robot/**' --duration 10s --json`,
	}
	mean := func(t watch.Total) float64 { m, _ := t.Mean(); return m }
	return a.meter(cmd, func(t watch.Topic) float64 { return t.Rate }, mean, func(w *window, r *reading) error {
		return a.row(struct {
			Topic  string  `json:"topic"`
			Window float64 `json:"window_s"`
			Rate   float64 `json:"rate"`
			figures
			MeanMessages uint64 `json:"mean_messages"`
			Messages     uint64 `json:"messages"`
		}{r.topic.Name, w.length.Seconds(), round(r.topic.Rate), r.figures(), r.total.Messages, r.topic.Messages}, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "%s  %6s msg/s  mean %6s  min %6s  max %6s%s\n",
				r.name, text.Rate(r.figure), text.Rate(r.mean), text.Rate(r.series.min), text.Rate(r.series.max), r.note(w))
			return err
		})
	})
}

func (a *app) bw() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bw TOPIC",
		Short: "Measure the bandwidth of a topic, from the publishers' counters",
		Long:  "Measure the payload bytes per second of a topic, from the publishers' counters. " + windowsLong,
		Example: `  shmmon bw camera/front
  shmmon bw '**' -n 1 --json`,
	}
	mean := func(t watch.Total) float64 { _, b := t.Mean(); return b }
	return a.meter(cmd, func(t watch.Topic) float64 { return t.Bandwidth }, mean, func(w *window, r *reading) error {
		size := 0.0
		if r.topic.Rate > 0 {
			size = r.topic.Bandwidth / r.topic.Rate
		}
		return a.row(struct {
			Topic     string  `json:"topic"`
			Window    float64 `json:"window_s"`
			Bandwidth float64 `json:"bandwidth"`
			figures
			Size      float64 `json:"mean_size"`
			MeanBytes uint64  `json:"mean_bytes"`
			Bytes     uint64  `json:"bytes"`
		}{r.topic.Name, w.length.Seconds(), round(r.topic.Bandwidth), r.figures(), round(size), r.total.Bytes, r.topic.Bytes}, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "%s  %9s  mean %9s  min %9s  max %9s  %s each%s\n",
				r.name, text.Bandwidth(r.figure), text.Bandwidth(r.mean), text.Bandwidth(r.series.min), text.Bandwidth(r.series.max),
				text.Bytes(uint64(min(math.Round(size), 1e18))), r.note(w))
			return err
		})
	})
}
