package command

import (
	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
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
	var withFloor, withCalls bool
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
			rs, fs, err := a.rounds(cmd.Context(), o, latencyFloor(o, withFloor))
			if err != nil {
				return ended(cmd.Context(), err)
			}
			f := latencyFigures(o, rs, fs)
			if err := a.calls(cmd.Context(), o, withCalls, &f); err != nil {
				return ended(cmd.Context(), err)
			}
			if err := a.print(f); err != nil {
				return err
			}
			return lostUnduly(lostOf(rs))
		},
	}
	e.flags(cmd, 64, "200000; with --rate two seconds' worth")
	f := cmd.Flags()
	f.StringVar(&o.Wait, "wait", pair.Poll, waitUsage)
	f.Float64Var(&o.Rate, "rate", 0, "messages per second (default: the next when the last has arrived; with --wait block 2000)")
	f.IntVar(&o.Depth, "depth", 16, "samples that the publisher keeps")
	payloadFlags(cmd, &o, &touch)
	callsFlag(cmd, &withCalls)
	floorFlag(cmd, &withFloor, "spin or, with --wait block, futex")
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
	if err := e.settle(cmd, count, enough); err != nil {
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

// latencyFloor is what the same receiver does without a bus.
func latencyFloor(o pair.Order, wanted bool) *floor.Order {
	if !wanted {
		return nil
	}
	f := floor.Order{Kind: floor.Spin, Count: o.Count, Warm: o.Warm, Duration: o.Duration, Rate: o.Rate}
	if o.Wait == pair.Block {
		f.Kind = floor.Futex
	}
	return &f
}

func latencyFigures(o pair.Order, rs, floors []pair.Result) report.Figures {
	f := pairFigures(o, rs)
	f.Workload = "latency"
	total := medians(rs, func(r pair.Result) *distribution.Percentiles { return r.Got.Totals })
	publish := medians(rs, func(r pair.Result) *distribution.Percentiles { return r.Sent.Took })
	under := medians(floors, func(r pair.Result) *distribution.Percentiles { return r.Got.Delays })
	kind := any(nil)
	if under != nil {
		kind = latencyFloor(o, true).Kind
	}
	f.More = append([]report.Field{
		{Key: "total_p50_ns", Value: p50(total)}, {Key: "total_p99_ns", Value: p99(total)},
		{Key: "publish_p50_ns", Value: p50(publish)}, {Key: "publish_p99_ns", Value: p99(publish)},
		{Key: "rounds", Value: len(rs)}, {Key: "floor", Value: kind},
		{Key: "floor_p50_ns", Value: p50(under)}, {Key: "floor_p99_ns", Value: p99(under)},
		{Key: "ratio_p50", Value: ratio(p50(f.Delays), p50(under))}, {Key: "ratio_p99", Value: ratio(p99(f.Delays), p99(under))},
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
