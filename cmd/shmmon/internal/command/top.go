package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// orders are the figures that top can sort by, in descending order.
func orders() map[string]func(t watch.Topic, now int64) float64 {
	return map[string]func(t watch.Topic, now int64) float64{
		"rate":      func(t watch.Topic, _ int64) float64 { return t.Rate },
		"bandwidth": func(t watch.Topic, _ int64) float64 { return t.Bandwidth },
		"size":      func(t watch.Topic, _ int64) float64 { return float64(t.Size) },
		"lost":      func(t watch.Topic, _ int64) float64 { return float64(t.Lost) + float64(t.LostShared) },
		"latency":   func(t watch.Topic, _ int64) float64 { return float64(t.P99) },
		"age": func(t watch.Topic, now int64) float64 {
			if t.Last <= 0 {
				return math.Inf(-1)
			}
			return float64(now - t.Last)
		},
	}
}

func (a *app) top() *cobra.Command {
	var once, all bool
	var n int
	var by string
	var measure time.Duration
	cmd := &cobra.Command{
		Use:   "top [TOPIC...]",
		Short: "Show the busiest topics below a line for the whole domain",
		Long: `Show the busiest topics below a line for the whole domain: processes, topics, rate, losses, room on the file system and the
longest delay. With --once it prints them and ends; without, it is the live table. TOPIC may be a pattern.`,
		Example: `  shmmon top --once
  shmmon top --once -n 5 --sort bandwidth
  shmmon top --once --sort lost --csv`,
		Args:              manyPatterns,
		ValidArgsFunction: a.complete,
	}
	fl := cmd.Flags()
	fl.BoolVar(&once, "once", false, "print once, also where there is no terminal")
	fl.IntVarP(&n, "count", "n", 20, "how many topics; 0 is all")
	fl.StringVar(&by, "sort", "rate", "figure to sort by: age, bandwidth, latency, lost, rate or size")
	measureFlag(cmd, &measure)
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions([]string{"age", "bandwidth", "latency", "lost", "rate", "size"}, cobra.ShellCompDirectiveNoFileComp))
	allFlag(cmd, &all)
	return a.repeatable(cmd, func(cmd *cobra.Command, args []string) error {
		order := orders()[by]
		switch {
		case order == nil:
			return cli.Usagef(cmd, "--sort %.100q is none of age, bandwidth, latency, lost, rate, size", by)
		case n < 0:
			return cli.Usagef(cmd, "--count %d is negative", n)
		case !once && a.forms.watch == 0 && (a.JSON || a.forms.csv || len(a.fields) > 0 || len(args) > 0):
			return cli.Usage(cmd, errors.New("the live table shows all topics and has one form; give --once or --watch"))
		case !once && a.forms.watch == 0:
			return a.live(cmd.Context(), time.Second, all, nil)
		}
		v, dir, err := a.measure(cmd, measure)
		if err != nil {
			return err
		}
		topics, err := chooseOrAll(v, dir, all, args)
		if err != nil {
			return err
		}
		a.warn(v)
		topics = slices.Clone(topics)
		slices.SortStableFunc(topics, func(x, y watch.Topic) int { return cmp.Compare(order(y, v.At), order(x, v.At)) })
		if n > 0 && len(topics) > n {
			topics = topics[:n]
		}
		shown := v
		if !all {
			shown = v.ForApplications()
		}
		r := listResult(v, topics, dir, func(w io.Writer) error {
			if v.Missing {
				a.noTopics(v, dir)
				return nil
			}
			if _, err := fmt.Fprintln(w, domainLine(shown)); err != nil {
				return err
			}
			return listGrid(topics).Fit(a.Columns()).Print(w)
		})
		return a.print(r)
	})
}

// domainLine says in one line how the whole domain is.
func domainLine(v watch.View) string {
	var stopped, dead int
	var lost, undecodable uint64
	worst := int64(-1)
	for _, p := range v.Participants {
		switch {
		case !p.Alive:
			dead++
		case p.State == registry.StateStopped:
			stopped++
		}
	}
	counted := make(map[registry.EndpointID]bool) // a subscription may be to many topics
	for _, t := range v.Topics {
		for _, s := range t.Subscribers {
			if id := s.Endpoint.ID; !counted[id] {
				counted[id] = true
				lost, undecodable, worst = lost+s.Stats.Lost, undecodable+s.Stats.DecodeErrors, max(worst, s.P99)
			}
		}
	}
	parts := []string{text.Many(len(v.Participants), "process")}
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(stopped, "stopped")
	add(dead, "dead")
	topics := text.Many(watch.Present(v.Topics), "topic")
	if v.Hidden > 0 {
		topics += fmt.Sprintf(" and %d of services and parameters", v.Hidden)
	}
	parts = append(parts, topics, text.Rate(v.Rate)+" msg/s", text.Bandwidth(v.Bandwidth), text.Count(lost)+" lost")
	if undecodable > 0 {
		parts = append(parts, text.Count(undecodable)+" undecodable")
	}
	if s := v.Space; s.Size > 0 {
		parts = append(parts, fmt.Sprintf("%.0f %% free", 100*float64(s.Available)/float64(s.Size)))
	}
	return strings.Join(append(parts, "p99 "+text.Duration(worst)), ", ")
}
