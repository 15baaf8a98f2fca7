package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

// Defaults of lastvalue.
const (
	valueSize    = 100
	valueCount   = 20_000_000 // updates
	valueWarming = 10_000
)

// A valueRun is a measurement and its results.
type valueRun struct {
	options   workload.LastValue
	withFloor bool
	found     []workload.LastValueResult
	floors    []workload.LinkResult
}

func (a *app) lastvalue() *cobra.Command {
	var e extent
	var v valueRun
	cmd := &cobra.Command{
		Use:   "lastvalue",
		Short: "Measure a topic of which only the newest value counts",
		Long: `lastvalue has one process that writes a latched topic as fast as it goes, and --readers others that read its newest value as
fast as they go, whether it is new or not: they copy it out and look whether all of it is of one update. reads_per_s is
of all readers together, fresh_per_s those that saw another value than the read before.

A value that is torn, or older than the one before, is an error: the exit code is 1.`,
		Example: "  shmperf lastvalue\n  shmperf lastvalue --readers 4 --duration 2s --json",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.valueOptions(cmd, &e, &v); err != nil {
				return err
			}
			if err := a.valueRounds(cmd.Context(), &v); err != nil {
				return ended(cmd.Context(), err)
			}
			if err := a.print(v.figures()); err != nil {
				return err
			}
			if all := v.sum().Read; all.Torn > 0 || all.Older > 0 {
				return fmt.Errorf("of %d reads %d were torn and %d older than the one before", all.Count, all.Torn, all.Older)
			}
			return nil
		},
	}
	e.flags(cmd, valueSize, "20000000 updates")
	f := cmd.Flags()
	f.IntVar(&v.options.Readers, "readers", 1, "processes that read")
	f.IntVar(&v.options.Depth, "depth", defaultDepth, "samples that the publisher keeps")
	floorFlag(cmd, &v.withFloor, "memcpy of as many bytes, which the updates are compared with")
	return cmd
}

func (a *app) valueOptions(cmd *cobra.Command, e *extent, v *valueRun) error {
	if err := a.check(cmd); err != nil {
		return err
	}
	if err := e.complete(cmd, valueCount, maxDuration); err != nil {
		return err
	}
	o := &v.options
	if most := min(fanoutMost, harness.MaxReceivers); o.Readers < 1 || o.Readers > most {
		return cli.Usagef(cmd, "--readers %d is not between 1 and %d", o.Readers, most)
	}
	if e.size < workload.MinValueSize {
		return cli.Usagef(cmd, "--size %d is less than %d: a value has its number twice at least, so that a torn one shows", e.size, workload.MinValueSize)
	}
	if err := checkDepth(cmd, o.Depth); err != nil {
		return err
	}
	o.Size, o.Count, o.Duration, o.Warm = e.size, e.count, e.duration, e.warm(10, valueWarming)
	return nil
}

func (a *app) valueRounds(ctx context.Context, v *valueRun) error {
	o := v.options
	var under *floor.Options
	if v.withFloor {
		o.Count, o.Duration = share(o.Count), share(o.Duration)
		under = copyFloor(o.Size, o.Depth, o.Count, o.Warm, o.Duration)
	}
	return inTurns(roundsOf(v.withFloor), a.floors(ctx, under, &v.floors), func() error {
		r, err := o.Run(ctx, a.dir())
		v.found = append(v.found, r)
		return err
	})
}

// sum is the sum of the rounds.
func (v *valueRun) sum() (all workload.LastValueResult) {
	for _, r := range v.found {
		all.Add(r)
	}
	return all
}

func (v *valueRun) figures() report.Figures {
	o, all := v.options, v.sum()
	used := all.Written.Usage.Plus(all.Read.Usage)
	perSecond := func(count func(workload.LastValueResult) uint64) float64 {
		return medianOf(v.found, func(r workload.LastValueResult) float64 { return float64(count(r)) / r.Written.Seconds })
	}
	updates := perSecond(func(r workload.LastValueResult) uint64 { return r.Written.Count })
	f := report.Figures{
		Workload: "lastvalue", Size: o.Size, Count: all.Written.Count, MessagesPerS: updates, BytesPerS: updates * float64(o.Size),
		AllocsPerMsg: float64(used.Allocs) / float64(all.Written.Count+all.Read.Count), CPU: used.CPU,
		More: []report.Field{
			{Key: "readers", Value: o.Readers},
			{Key: "reads", Value: all.Read.Count},
			{Key: "reads_per_s", Value: perSecond(func(r workload.LastValueResult) uint64 { return r.Read.Count })},
			{Key: "updates_per_s", Value: updates},
			{Key: "fresh_per_s", Value: perSecond(func(r workload.LastValueResult) uint64 { return r.Read.Fresh })},
			{Key: "torn", Value: all.Read.Torn}, {Key: "older", Value: all.Read.Older},
			{Key: "depth", Value: o.Depth}, {Key: "rounds", Value: len(v.found)},
		},
	}
	f.More = append(f.More, copyFields(o.Size, updates, v.floors)...)
	return f
}
