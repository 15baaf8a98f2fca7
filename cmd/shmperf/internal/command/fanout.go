package command

import (
	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/fanout"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
)

// Defaults of fanout.
const (
	fanoutRate    = 1000 // per second, for subscribers that sleep
	fanoutCount   = 20_000
	absentCount   = 1_000_000
	fanoutMost    = 256 // processes
	fanoutWarming = 200
)

func (a *app) fanout() *cobra.Command {
	var e extent
	var o fanout.Order
	cmd := &cobra.Command{
		Use:   "fanout",
		Short: "Measure one publisher and many subscribers",
		Long: `fanout publishes to many subscribers, each a process of its own. The percentiles are of the time from a sample's stamp until
the last subscriber has read it; publish_p50_ns and its like are what Publish cost. The next message comes when the
last subscriber has the one before, and with --rate not before its time.

Subscribers that poll or spin each need a processor: where there are more of them, their turns of it are what is
measured. With --wait none they are connected and never receive, so that nothing but Publish is measured.`,
		Example: "  shmperf fanout --subscribers 8\n  shmperf fanout --subscribers 16 --wait none --json",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.fanoutOrder(cmd, &e, &o); err != nil {
				return err
			}
			r, err := fanout.Run(cmd.Context(), a.place(), o)
			if err != nil {
				return ended(cmd.Context(), err)
			}
			if err := a.print(fanoutFigures(o, r)); err != nil {
				return err
			}
			return lostUnduly(r.Lost)
		},
	}
	e.flags(cmd, 64, "20000; with --wait none 1000000")
	f := cmd.Flags()
	f.IntVar(&o.Subscribers, "subscribers", 4, "processes that subscribe")
	f.StringVar(&o.Wait, "wait", pair.Block, waitUsage+", none (nobody receives)")
	f.Float64Var(&o.Rate, "rate", 0, "messages per second (default: the next when the last has arrived; with --wait block 1000)")
	f.IntVar(&o.Depth, "depth", 16, "samples that the publisher keeps")
	return cmd
}

func (a *app) fanoutOrder(cmd *cobra.Command, e *extent, o *fanout.Order) error {
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := checkWait(cmd, o.Wait, fanout.Absent); err != nil {
		return err
	}
	if err := checkRate(cmd, o.Rate); err != nil {
		return err
	}
	if err := checkDepth(cmd, o.Depth); err != nil {
		return err
	}
	if most := min(fanoutMost, board.Seats); o.Subscribers < 1 || o.Subscribers > most {
		return cli.Usagef(cmd, "--subscribers %d is not between 1 and %d", o.Subscribers, most)
	}
	count := uint64(fanoutCount)
	switch o.Wait {
	case pair.Block:
		if o.Rate == 0 {
			o.Rate = fanoutRate
		}
	case fanout.Absent:
		count = absentCount
	}
	if err := e.settle(cmd, count, enough); err != nil {
		return err
	}
	o.Size, o.Count, o.Duration, o.Warm = e.size, e.count, e.duration, e.warm(10, fanoutWarming)
	return nil
}

func fanoutFigures(o fanout.Order, r fanout.Result) report.Figures {
	n := float64(r.Sent.Count)
	perSecond := n / r.Sent.Seconds
	f := report.Figures{
		Workload: "fanout", Size: o.Size, Wait: o.Wait, Count: r.Sent.Count, Delays: r.Sent.Last,
		MessagesPerS: perSecond, BytesPerS: perSecond * float64(o.Size), AllocsPerMsg: float64(r.Usage.Allocs) / n, CPU: r.Usage.CPU,
		More: []report.Field{
			{Key: "subscribers", Value: o.Subscribers},
			{Key: "publish_p50_ns", Value: r.Sent.Publish.P50}, {Key: "publish_p90_ns", Value: r.Sent.Publish.P90},
			{Key: "publish_p99_ns", Value: r.Sent.Publish.P99}, {Key: "publish_max_ns", Value: r.Sent.Publish.Max},
			{Key: "rate_per_s", Value: rate(o.Rate)}, {Key: "depth", Value: o.Depth},
			{Key: "context_switches_voluntary_per_msg", Value: float64(r.Usage.Voluntary) / n},
			{Key: "context_switches_involuntary_per_msg", Value: float64(r.Usage.Involuntary) / n},
		},
	}
	if o.Wait != fanout.Absent {
		f.Lost = r.Lost
	}
	return f
}
