package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

// Defaults of hop.
const (
	hopCount   = 2_000_000
	hopWarming = 100_000
	hopMost    = 1000 // receivers
)

// A hopRun is a measurement and its results with receivers and without.
type hopRun struct {
	options      workload.Hop
	found, alone []workload.HopResult
}

func (a *app) hop() *cobra.Command {
	var e extent
	var h hopRun
	cmd := &cobra.Command{
		Use:   "hop",
		Short: "Measure what receivers that wait cost other goroutines",
		Long: `hop has two goroutines of one process send each other messages over unbuffered channels, while --receivers others of the same
process wait in Receive, each for a topic of its own. The percentiles are of the time from one goroutine to the other.
Another process has the topics and is silent, or publishes each of them --rate times per second.

The same is measured without receivers, in turns, in 5 rounds each: alone_p50_ns and its like. The ratios of the medians
are ratio_p50 and ratio_p99. The topics are published in those rounds too.

Without --pause the two goroutines are never idle; with it the first sleeps before each message, so that nothing in the
process runs but what waits.`,
		Example: "  shmperf hop --receivers 4\n  shmperf hop --receivers 1 --rate 1000 --json",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.hopOptions(cmd, &e, &h); err != nil {
				return err
			}
			if err := a.hopRounds(cmd.Context(), &h); err != nil {
				return ended(cmd.Context(), err)
			}
			return a.print(h.figures())
		},
	}
	e.flags(cmd, 64, "2000000 hops")
	f := cmd.Flags()
	f.IntVar(&h.options.Receivers, "receivers", 1, "goroutines that wait, 0 to 1000")
	f.IntVar(&h.options.Procs, "procs", 2, "GOMAXPROCS of the process in which they wait")
	f.Float64Var(&h.options.Rate, "rate", 0, "messages per second and topic (default: none)")
	f.DurationVar(&h.options.Pause, "pause", 0, "sleep this long before each message that is sent back, for example 1ms")
	f.StringVar(&h.options.Wait, "wait", workload.WaitDefault, "how the receivers wait: default (what a subscriber does by itself), spin (Receive that never sleeps), block (Receive that sleeps at once)")
	return cmd
}

func (a *app) hopOptions(cmd *cobra.Command, e *extent, h *hopRun) error {
	o := &h.options
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := oneOf(cmd, "wait", o.Wait, workload.WaitDefault, workload.WaitSpin, workload.WaitBlock); err != nil {
		return err
	}
	if err := checkRate(cmd, o.Rate); err != nil {
		return err
	}
	switch {
	case o.Receivers < 0 || o.Receivers > hopMost:
		return cli.Usagef(cmd, "--receivers %d is not between 0 and %d", o.Receivers, hopMost)
	case o.Procs < 1 || o.Procs > 1024:
		return cli.Usagef(cmd, "--procs %d is not between 1 and 1024", o.Procs)
	case o.Pause < 0 || o.Pause > time.Minute:
		return cli.Usagef(cmd, "--pause %v is not between 0 and 1m", o.Pause)
	}
	if err := e.complete(cmd, hopCount, maxDuration); err != nil {
		return err
	}
	o.Size, o.Count, o.Duration, o.Warm, o.Topics = e.size, share(e.count), share(e.duration), e.warm(10, hopWarming), o.Receivers
	if o.Pause > 0 {
		o.Warm = min(o.Warm, 10)
	}
	return nil
}

func (a *app) hopRounds(ctx context.Context, h *hopRun) error {
	measure := func(o workload.Hop, found *[]workload.HopResult) func() error {
		return func() error {
			r, err := o.Run(ctx, a.dir())
			*found = append(*found, r)
			return err
		}
	}
	alone := h.options
	alone.Receivers = 0
	return inTurns(comparedRounds, measure(alone, &h.alone), measure(h.options, &h.found))
}

func (h *hopRun) figures() report.Figures {
	o, n := h.options, uint64(0)
	used := h.found[0].Usage.Since(h.found[0].Usage)
	for _, r := range h.found {
		n += r.Count
		used = used.Plus(r.Usage)
	}
	perSecond := func(count func(workload.HopResult) uint64) float64 {
		return medianOf(h.found, func(r workload.HopResult) float64 { return float64(count(r)) / r.Seconds })
	}
	hops := func(r workload.HopResult) *measure.Percentiles { return r.Hops }
	with, alone := medians(h.found, hops), medians(h.alone, hops)
	return report.Figures{
		Workload: "hop", Size: o.Size, Wait: o.Wait, Count: n, Delays: with, MessagesPerS: perSecond(func(r workload.HopResult) uint64 { return r.Count }),
		AllocsPerMsg: float64(used.Allocs) / float64(n), CPU: used.CPU,
		More: []report.Field{
			{Key: "receivers", Value: o.Receivers}, {Key: "procs", Value: o.Procs}, {Key: "rate_per_s", Value: knownUnless0(o.Rate)},
			{Key: "pause_ns", Value: int64(o.Pause)},
			{Key: "received_per_s", Value: perSecond(func(r workload.HopResult) uint64 { return r.Received })}, {Key: "rounds", Value: len(h.found)},
			{Key: "alone_p50_ns", Value: p50(alone)}, {Key: "alone_p99_ns", Value: p99(alone)}, {Key: "alone_max_ns", Value: alone.Max},
			{Key: "ratio_p50", Value: ratio(p50(with), p50(alone))}, {Key: "ratio_p99", Value: ratio(p99(with), p99(alone))},
		},
	}
}
