package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

// Defaults of fanout.
const (
	fanoutRate    = 1000 // per second, for subscribers that sleep
	fanoutCount   = 20_000
	absentCount   = 10_000_000
	fanoutMost    = 256 // processes
	fanoutWarming = 200
)

func (a *app) fanout() *cobra.Command {
	var e extent
	var fan fanoutRun
	var withCalls bool
	o := &fan.options
	cmd := &cobra.Command{
		Use:   "fanout",
		Short: "Measure one publisher and many subscribers",
		Long: `fanout publishes to many subscribers, each a process of its own. The percentiles are of the time from a sample's stamp until
the last subscriber has read it; publish_p50_ns and its like are what Publish cost. The next message comes when the
last subscriber has the one before, and with --rate not before its time.

Subscribers that poll or spin each need a processor: where there are more of them, their turns of it are what is
measured. With --wait none they are connected and never receive, so that nothing but Publish is measured.

With --against so many subscribers are measured in turns with those of --subscribers, in 5 rounds each, and the ratios
of the medians are printed: ratio_against_publish_p50 for what Publish costs, ratio_against_p50 for the last one's delay.`,
		Example: `  shmperf fanout --subscribers 8
  shmperf fanout --subscribers 16 --against 1 --wait none --json
  shmperf fanout --subscribers 4 --wait block --floor`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.fanoutOptions(cmd, &e, &fan); err != nil {
				return err
			}
			if err := a.fanoutRounds(cmd.Context(), &fan); err != nil {
				return ended(cmd.Context(), err)
			}
			f := fan.figures()
			if err := a.fanoutCalls(cmd.Context(), *o, withCalls, &f); err != nil {
				return ended(cmd.Context(), err)
			}
			if err := a.print(f); err != nil {
				return err
			}
			return lostUnduly(lostByAll(fan.found) + lostByAll(fan.others))
		},
	}
	e.flags(cmd, 64, "20000; with --wait none 10000000")
	f := cmd.Flags()
	f.IntVar(&o.Subscribers, "subscribers", 4, "processes that subscribe")
	f.StringVar(&o.Wait, "wait", workload.WaitBlock, waitUsage+", none (no receiver)")
	f.Float64Var(&o.Rate, "rate", 0, "messages per second (default: the next when the last has arrived; with --wait block 1000)")
	f.IntVar(&o.Depth, "depth", defaultDepth, "samples that the publisher keeps")
	f.IntVar(&fan.against, "against", 0, "measure so many subscribers too, in turns, and print the ratios to them")
	callsFlag(cmd, &withCalls)
	floorFlag(cmd, &fan.withFloor, "spin or, with --wait block, futex, with as many processes that wait for one word")
	return cmd
}

// A fanoutRun is a measurement and its results.
type fanoutRun struct {
	options       workload.FanOut
	against       int // subscribers, 0: none
	withFloor     bool
	found, others []workload.FanOutResult
	floors        []workload.LinkResult
}

// fanoutRounds measures in turns what the flags ask for.
func (a *app) fanoutRounds(ctx context.Context, fan *fanoutRun) error {
	n, own := roundsOf(fan.withFloor || fan.against > 0), fan.options
	if n > 1 {
		own.Count, own.Duration = share(own.Count), share(own.Duration)
	}
	one := func(o workload.FanOut, found *[]workload.FanOutResult) func() error {
		return func() error {
			r, err := o.Run(ctx, a.dir())
			*found = append(*found, r)
			return err
		}
	}
	var other func() error
	if fan.against > 0 {
		o := own
		o.Subscribers = fan.against
		other = one(o, &fan.others)
	}
	return inTurns(n, a.floors(ctx, fan.floor(own), &fan.floors), one(own, &fan.found), other)
}

// floor is the same number of processes that wait for a number without a bus, nil without --floor.
func (fan *fanoutRun) floor(o workload.FanOut) *floor.Options {
	if !fan.withFloor {
		return nil
	}
	return &floor.Options{
		Kind: floorOf(o.Wait), Count: o.Count, Warm: o.Warm, Duration: o.Duration, Rate: o.Rate, Receivers: o.Subscribers,
	}
}

func lostByAll(rs []workload.FanOutResult) (n uint64) {
	for _, r := range rs {
		n += r.Lost
	}
	return n
}

func (a *app) fanoutOptions(cmd *cobra.Command, e *extent, fan *fanoutRun) error {
	o := &fan.options
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := checkWait(cmd, o.Wait, workload.WaitNone); err != nil {
		return err
	}
	if err := checkRate(cmd, o.Rate); err != nil {
		return err
	}
	if err := checkDepth(cmd, o.Depth); err != nil {
		return err
	}
	if most := min(fanoutMost, harness.MaxReceivers); o.Subscribers < 1 || o.Subscribers > most {
		return cli.Usagef(cmd, "--subscribers %d is not between 1 and %d", o.Subscribers, most)
	}
	if most := min(fanoutMost, harness.MaxReceivers); fan.against < 0 || fan.against > most {
		return cli.Usagef(cmd, "--against %d is not between 1 and %d", fan.against, most)
	}
	if fan.withFloor && o.Wait == workload.WaitNone {
		return cli.Usagef(cmd, "--floor and --wait none: no floor is about what Publish costs; --against compares it")
	}
	count := uint64(fanoutCount)
	switch o.Wait {
	case workload.WaitBlock:
		if o.Rate == 0 {
			o.Rate = fanoutRate
		}
	case workload.WaitNone:
		count = absentCount
	}
	if err := e.complete(cmd, count, maxDuration); err != nil {
		return err
	}
	o.Size, o.Count, o.Duration, o.Warm = e.size, e.count, e.duration, e.warm(10, fanoutWarming)
	return nil
}

func (fan *fanoutRun) figures() report.Figures {
	o, n := fan.options, uint64(0)
	used := fan.found[0].Usage.Since(fan.found[0].Usage)
	for _, r := range fan.found {
		n += r.Sent.Count
		used = used.Plus(r.Usage)
	}
	last, publish := medians(fan.found, lastOf), medians(fan.found, publishOf)
	otherLast, otherPublish := medians(fan.others, lastOf), medians(fan.others, publishOf)
	perSecond := medianOf(fan.found, func(r workload.FanOutResult) float64 { return float64(r.Sent.Count) / r.Sent.Seconds })
	per := float64(n)
	f := report.Figures{
		Workload: "fanout", Size: o.Size, Wait: o.Wait, Count: n, Delays: last,
		MessagesPerS: perSecond, BytesPerS: perSecond * float64(o.Size), AllocsPerMsg: float64(used.Allocs) / per, CPU: used.CPU,
		More: []report.Field{
			{Key: "subscribers", Value: o.Subscribers},
			{Key: "publish_p50_ns", Value: publish.P50}, {Key: "publish_p90_ns", Value: publish.P90},
			{Key: "publish_p99_ns", Value: publish.P99}, {Key: "publish_max_ns", Value: publish.Max},
			{Key: "publish_mean_ns", Value: publish.Mean},
			{Key: "rate_per_s", Value: knownUnless0(o.Rate)}, {Key: "depth", Value: o.Depth}, {Key: "rounds", Value: len(fan.found)},
			{Key: "against_subscribers", Value: knownUnless0(fan.against)},
			{Key: "against_publish_p50_ns", Value: p50(otherPublish)}, {Key: "against_publish_p99_ns", Value: p99(otherPublish)},
			{Key: "against_publish_mean_ns", Value: mean(otherPublish)}, {Key: "against_p50_ns", Value: p50(otherLast)},
			{Key: "ratio_against_publish_p50", Value: ratio(publish.P50, p50(otherPublish))},
			{Key: "ratio_against_publish_p99", Value: ratio(publish.P99, p99(otherPublish))},
			{Key: "ratio_against_publish_mean", Value: ratio(publish.Mean, mean(otherPublish))},
			{Key: "ratio_against_p50", Value: ratio(p50(last), p50(otherLast))},
			{Key: "context_switches_voluntary_per_msg", Value: float64(used.Voluntary) / per},
			{Key: "context_switches_involuntary_per_msg", Value: float64(used.Involuntary) / per},
		},
	}
	f.More = append(f.More, floorFields(floorOf(o.Wait), last, medians(fan.floors, delaysOf))...)
	if o.Wait != workload.WaitNone {
		f.Lost = lostByAll(fan.found)
	}
	return f
}

func lastOf(r workload.FanOutResult) *measure.Percentiles    { return r.Sent.Last }
func publishOf(r workload.FanOutResult) *measure.Percentiles { return r.Sent.Publish }
