package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

// Defaults of latency, which end within a few seconds.
const (
	latencyCount = 200_000 // answered messages
	latencyRate  = 2000    // per second, for a receiver that sleeps
	pacedSeconds = 2
	warmBytes    = 256 << 20 // of the messages of the warm-up, unless they are few
)

func (a *app) latency() *cobra.Command {
	var e extent
	var l latencyRun
	var touch string
	var withCalls bool
	cmd := &cobra.Command{
		Use:   "latency",
		Short: "Time messages from one process to another",
		Long: `latency times messages from one process to another, one way: from the sample's stamp, which Publish takes when the payload
is written, until the receiver has read every byte. total_p50_ns and total_p99_ns begin before the payload is
written; publish_p50_ns is what the sender spends.

Without --rate the sender publishes as soon as the receiver is done with the message before. A receiver that
sleeps (--wait block, default) would not be asleep by then: its rate is 2000 messages per second unless you say otherwise.

With --against-size payloads of that size are measured in turns with those of --size, in 5 rounds each, and the
ratios of the medians are printed: ratio_against_p50 and, with the time of writing, ratio_against_total_p50.`,
		Example: `  shmperf latency --size 64 --wait poll --json
  shmperf latency --wait block --rate 1000 --duration 5s
  shmperf latency --loan --touch one --size 8388608 --against-size 64`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.latencyOptions(cmd, &e, &l, touch); err != nil {
				return err
			}
			if err := a.latencyRounds(cmd.Context(), &l); err != nil {
				return ended(cmd.Context(), err)
			}
			f := l.figures()
			if err := a.linkCalls(cmd.Context(), l.options, withCalls, &f); err != nil {
				return ended(cmd.Context(), err)
			}
			if err := a.print(f); err != nil {
				return err
			}
			return lostUnduly(lostOf(l.found) + lostOf(l.against))
		},
	}
	e.flags(cmd, 64, "200000; with --rate two seconds' worth")
	f := cmd.Flags()
	f.StringVar(&l.options.Wait, "wait", workload.WaitPoll, waitUsage+", default (Receive without options: spins, then sleeps)")
	f.Float64Var(&l.options.Rate, "rate", 0, "messages per second (default: the next when the last has arrived; where the receiver sleeps 2000)")
	f.IntVar(&l.options.Depth, "depth", 0, "samples that the publisher keeps (default 16; with a rate a quarter of a second's)")
	f.IntVar(&l.againstSize, "against-size", 0, "measure payloads of this size too, in turns, and print the ratios to them")
	payloadFlags(cmd, &l.options, &touch)
	callsFlag(cmd, &withCalls)
	floorFlag(cmd, &l.withFloor, "spin or, where the receiver sleeps, futex")
	return cmd
}

// A latencyRun is a measurement and its results.
type latencyRun struct {
	options        workload.Link
	againstSize    int
	withFloor      bool
	found, against []workload.LinkResult
	floors         []workload.LinkResult
}

// latencyRounds measures in turns what the flags ask for.
func (a *app) latencyRounds(ctx context.Context, l *latencyRun) error {
	n := roundsOf(l.withFloor || l.againstSize > 0)
	own := l.options
	if n > 1 {
		own.Count, own.Duration = share(own.Count), share(own.Duration)
	}
	var other *workload.Link
	if l.againstSize > 0 {
		o := own
		o.Size = l.againstSize
		other = &o
	}
	return inTurns(n, a.floors(ctx, l.floor(own), &l.floors), a.links(ctx, &own, &l.found), a.links(ctx, other, &l.against))
}

// payloadFlags adds the flags for the access of both processes to the payload.
func payloadFlags(cmd *cobra.Command, o *workload.Link, touch *string) {
	f := cmd.Flags()
	f.StringVar(touch, "touch", "all", "bytes that the receiver reads, and the sender writes with --loan: all, or one (the sender its stamp of 8)")
	f.BoolVar(&o.Loan, "loan", false, "write the payload in place, in a loan, rather than have Publish copy it")
	f.BoolVar(&o.Copy, "copy-out", false, "copy the payload out of the sample before it is read")
}

func (a *app) latencyOptions(cmd *cobra.Command, e *extent, l *latencyRun, touch string) error {
	o := &l.options
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := checkWait(cmd, o.Wait, workload.WaitDefault); err != nil {
		return err
	}
	if err := oneOf(cmd, "touch", touch, "all", "one"); err != nil {
		return err
	}
	if err := checkRate(cmd, o.Rate); err != nil {
		return err
	}
	if l.againstSize < 0 || l.againstSize > maxSize {
		return cli.Usagef(cmd, "--against-size %d is not between 1 and %d", l.againstSize, maxSize)
	}
	if o.Rate == 0 && sleeps(o.Wait) {
		o.Rate = latencyRate
	}
	count := uint64(latencyCount)
	if o.Rate > 0 {
		count = min(count, max(1, uint64(o.Rate*pacedSeconds)))
	}
	if err := e.complete(cmd, count, maxDuration); err != nil {
		return err
	}
	if !cmd.Flags().Changed("depth") {
		o.Depth = pacedDepth(o.Rate, max(e.size, l.againstSize))
	}
	if err := checkDepth(cmd, o.Depth); err != nil {
		return err
	}
	o.Size, o.Count, o.Duration = e.size, e.count, e.duration
	o.Timed, o.Answered, o.TouchOne = true, o.Rate == 0, touch == "one"
	o.Warm = e.warm(100, min(10_000, max(100, warmBytes/uint64(e.size))))
	if o.Rate > 0 {
		o.Warm = e.warm(10, max(10, uint64(o.Rate/10)))
	}
	return nil
}

// floor is the same wait without a bus, nil without --floor.
func (l *latencyRun) floor(o workload.Link) *floor.Options {
	if !l.withFloor {
		return nil
	}
	return &floor.Options{Kind: floorOf(o.Wait), Count: o.Count, Warm: o.Warm, Duration: o.Duration, Rate: o.Rate}
}

// floorOf is the kind of floor for a way to wait.
func floorOf(wait string) string {
	if sleeps(wait) {
		return floor.Futex
	}
	return floor.Spin
}

func (l *latencyRun) figures() report.Figures {
	f := linkFigures(l.options, l.found)
	f.Workload = "latency"
	totals := func(r workload.LinkResult) *measure.Percentiles { return r.Received.Totals }
	total, publish := medians(l.found, totals), medians(l.found, func(r workload.LinkResult) *measure.Percentiles { return r.Sent.Took })
	other, otherTotal := medians(l.against, delaysOf), medians(l.against, totals)
	more := []report.Field{
		{Key: "total_p50_ns", Value: p50(total)}, {Key: "total_p99_ns", Value: p99(total)},
		{Key: "publish_p50_ns", Value: p50(publish)}, {Key: "publish_p99_ns", Value: p99(publish)}, {Key: "rounds", Value: len(l.found)},
	}
	more = append(more, floorFields(floorOf(l.options.Wait), f.Delays, medians(l.floors, delaysOf))...)
	more = append(more, report.Field{Key: "floor_receiver_cpu_ns_per_msg", Value: receiverCPU(l.floors)})
	f.More = append(append(more, []report.Field{
		{Key: "against_size", Value: knownUnless0(l.againstSize)},
		{Key: "against_p50_ns", Value: p50(other)}, {Key: "against_p99_ns", Value: p99(other)},
		{Key: "against_total_p50_ns", Value: p50(otherTotal)},
		{Key: "ratio_against_p50", Value: ratio(p50(f.Delays), p50(other))}, {Key: "ratio_against_p99", Value: ratio(p99(f.Delays), p99(other))},
		{Key: "ratio_against_total_p50", Value: ratio(p50(total), p50(otherTotal))},
		{Key: "rate_per_s", Value: knownUnless0(l.options.Rate)},
	}...), f.More...)
	return f
}

// floorFields compares delays with those of a floor, if it was measured.
func floorFields(kind string, delays, under *measure.Percentiles) []report.Field {
	which := any(nil)
	if under != nil {
		which = kind
	}
	return []report.Field{
		{Key: "floor", Value: which}, {Key: "floor_p50_ns", Value: p50(under)}, {Key: "floor_p99_ns", Value: p99(under)},
		{Key: "ratio_p50", Value: ratio(p50(delays), p50(under))}, {Key: "ratio_p99", Value: ratio(p99(delays), p99(under))},
	}
}

func delaysOf(r workload.LinkResult) *measure.Percentiles { return r.Received.Delays }
