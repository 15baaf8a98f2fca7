package command

import (
	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
)

// Defaults of latency: what ends within a few seconds.
const (
	latencyCount = 200_000 // messages that are answered
	latencyRate  = 2000    // per second, for a receiver that sleeps
	pacedSeconds = 2
)

func (a *app) latency() *cobra.Command {
	var e extent
	var touch string
	o := pair.Order{Timed: true}
	cmd := &cobra.Command{
		Use:   "latency",
		Short: "Time messages from one process to another",
		Long: `latency times messages from one process to another, one way: from the sample's stamp, which Publish takes when the payload
is written, until the receiver has read every byte. total_p50_ns and total_p99_ns begin before the payload is
written; publish_p50_ns is what the sender spends.

Without --rate the sender publishes as soon as the receiver is done with the message before. A receiver that
sleeps (--wait block) would not be asleep by then: its rate is 2000 messages per second unless you say otherwise.`,
		Example: "  shmperf latency --size 64 --wait poll --json\n  shmperf latency --wait block --rate 1000 --duration 5s",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.latencyOrder(cmd, &e, &o, touch); err != nil {
				return err
			}
			r, err := pair.Run(cmd.Context(), a.place(), o, nil)
			if err == nil {
				err = account(r.Sent.Count, r.Got.Count, r.Got.Lost)
			}
			if err != nil {
				return ended(cmd.Context(), err)
			}
			if err := a.print(latencyFigures(o, r)); err != nil {
				return err
			}
			return lostUnduly(r.Got.Lost)
		},
	}
	e.flags(cmd, 64, "200000; with --rate two seconds' worth")
	f := cmd.Flags()
	f.StringVar(&o.Wait, "wait", pair.Poll, waitUsage)
	f.Float64Var(&o.Rate, "rate", 0, "messages per second (default: the next when the last has arrived; with --wait block 2000)")
	f.IntVar(&o.Depth, "depth", 16, "samples that the publisher keeps")
	payloadFlags(cmd, &o, &touch)
	return cmd
}

// payloadFlags are about what both ends do with the bytes.
func payloadFlags(cmd *cobra.Command, o *pair.Order, touch *string) {
	f := cmd.Flags()
	f.StringVar(touch, "touch", "all", "bytes that the receiver reads, and the sender writes with --loan: all, or one")
	f.BoolVar(&o.Loan, "loan", false, "write the payload in place, in a loan, rather than have Publish copy it")
	f.BoolVar(&o.Copy, "copy-out", false, "copy the payload out of the sample before it is read")
}

func (a *app) latencyOrder(cmd *cobra.Command, e *extent, o *pair.Order, touch string) error {
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := checkWait(cmd, o.Wait); err != nil {
		return err
	}
	if err := oneOf(cmd, "touch", touch, "all", "one"); err != nil {
		return err
	}
	if err := checkRate(cmd, o.Rate); err != nil {
		return err
	}
	if err := checkDepth(cmd, o.Depth); err != nil {
		return err
	}
	if o.Rate == 0 && o.Wait == pair.Block {
		o.Rate = latencyRate
	}
	count := uint64(latencyCount)
	if o.Rate > 0 {
		count = min(count, max(1, uint64(o.Rate*pacedSeconds)))
	}
	if err := e.settle(cmd, count); err != nil {
		return err
	}
	o.Size, o.Count, o.Duration = e.size, e.count, e.duration
	o.Answered, o.TouchOne = o.Rate == 0, touch == "one"
	o.Warm = e.warm(100, 10_000)
	if o.Rate > 0 {
		o.Warm = e.warm(10, max(10, uint64(o.Rate/10)))
	}
	return nil
}

func latencyFigures(o pair.Order, r pair.Result) report.Figures {
	f := pairFigures(o, r)
	f.Workload = "latency"
	total50, total99 := any(nil), any(nil)
	if r.Got.Totals != nil {
		total50, total99 = r.Got.Totals.P50, r.Got.Totals.P99
	}
	f.More = append([]report.Field{
		{Key: "total_p50_ns", Value: total50}, {Key: "total_p99_ns", Value: total99},
		{Key: "publish_p50_ns", Value: r.Sent.Took.P50}, {Key: "publish_p99_ns", Value: r.Sent.Took.P99},
		{Key: "rate_per_s", Value: rate(o.Rate)},
	}, f.More...)
	return f
}

func rate(hz float64) any {
	if hz == 0 {
		return nil
	}
	return hz
}

// pairFigures is what two processes found between them.
func pairFigures(o pair.Order, r pair.Result) report.Figures {
	used, n := r.Sent.Usage.Plus(r.Got.Usage), float64(r.Got.Count)
	perSecond := n / r.Seconds()
	return report.Figures{
		Size: o.Size, Wait: o.Wait, Count: r.Got.Count, Lost: r.Got.Lost, Delays: r.Got.Delays,
		MessagesPerS: perSecond, BytesPerS: perSecond * float64(o.Size),
		AllocsPerMsg: float64(used.Allocs) / n, CPU: used.CPU,
		More: []report.Field{
			{Key: "context_switches_voluntary_per_msg", Value: float64(used.Voluntary) / n},
			{Key: "context_switches_involuntary_per_msg", Value: float64(used.Involuntary) / n},
			{Key: "publishes_that_waited", Value: r.Sent.Waited},
			{Key: "touch", Value: touched(o.TouchOne)}, {Key: "loan", Value: o.Loan}, {Key: "copy_out", Value: o.Copy},
			{Key: "depth", Value: o.Depth}, {Key: "memory_bytes", Value: r.Sent.Memory},
		},
	}
}

func touched(one bool) string {
	if one {
		return "one"
	}
	return "all"
}
