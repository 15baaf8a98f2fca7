package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

// comparedRounds is the number of rounds of a measurement that is compared with another one. The figures of a shared machine change
// from one moment to the next.
const comparedRounds = 5

func floorFlag(cmd *cobra.Command, wanted *bool, which string) {
	cmd.Flags().BoolVar(wanted, "floor", false, "measure the floor too, in turns, and print medians of 5 rounds and their ratio: "+which)
}

// inTurns measures one after the other, in several rounds. It skips nil.
func inTurns(rounds int, each ...func() error) error {
	for range rounds {
		for _, measure := range each {
			if measure == nil {
				continue
			}
			if err := measure(); err != nil {
				return err
			}
		}
	}
	return nil
}

// roundsOf is the number of rounds of a measurement.
func roundsOf(compared bool) int {
	if compared {
		return comparedRounds
	}
	return 1
}

// links measures a link and appends the result to found. For a nil link it returns nil.
func (a *app) links(ctx context.Context, o *workload.Link, found *[]workload.LinkResult) func() error {
	if o == nil {
		return nil
	}
	return func() error {
		r, err := o.Run(ctx, a.dir(), nil)
		if err == nil {
			err = account(r.Sent.Count, r.Received.Count, r.Received.Lost)
		}
		*found = append(*found, r)
		return err
	}
}

// floors measures a floor and appends the result to found. For nil options it returns nil.
func (a *app) floors(ctx context.Context, o *floor.Options, found *[]workload.LinkResult) func() error {
	if o == nil {
		return nil
	}
	return func() error {
		r, err := floor.Run(ctx, a.dir(), *o)
		*found = append(*found, r)
		return err
	}
}

// share is the part of one round in a count or duration. Only the share of 0 is 0.
func share[N uint64 | time.Duration](whole N) N {
	if whole == 0 {
		return 0
	}
	return max(1, whole/comparedRounds)
}

// linkFigures are the figures of a link, in one or several rounds.
func linkFigures(o workload.Link, rs []workload.LinkResult) report.Figures {
	used, n, waited, memory := rs[0].Sent.Usage.Since(rs[0].Sent.Usage), uint64(0), uint64(0), uint64(0)
	for _, r := range rs {
		used = used.Plus(r.Sent.Usage).Plus(r.Received.Usage)
		n += r.Received.Count
		waited += r.Sent.Waited
		memory = max(memory, r.Sent.Memory)
	}
	perSecond := medianRate(rs)
	return report.Figures{
		Size: o.Size, Wait: o.Wait, Count: n, Lost: lostOf(rs),
		Delays:       medians(rs, delaysOf),
		MessagesPerS: perSecond, BytesPerS: perSecond * float64(o.Size),
		AllocsPerMsg: float64(used.Allocs) / float64(n), CPU: used.CPU,
		More: []report.Field{
			{Key: "receiver_cpu_ns_per_msg", Value: receiverCPU(rs)},
			{Key: "context_switches_voluntary_per_msg", Value: float64(used.Voluntary) / float64(n)},
			{Key: "context_switches_involuntary_per_msg", Value: float64(used.Involuntary) / float64(n)},
			{Key: "publishes_that_waited", Value: waited},
			{Key: "touch", Value: touched(o.TouchOne)}, {Key: "loan", Value: o.Loan}, {Key: "copy_out", Value: o.Copy},
			{Key: "batch", Value: knownUnless0(o.Batch)}, {Key: "depth", Value: o.Depth}, {Key: "memory_bytes", Value: memory},
		},
	}
}

func touched(one bool) string {
	if one {
		return "one"
	}
	return "all"
}

func lostOf(rs []workload.LinkResult) (n uint64) {
	for _, r := range rs {
		n += r.Received.Lost
	}
	return n
}

// receiverCPU is the CPU time of the receiver per message in nanoseconds, nil if it is unknown.
func receiverCPU(rs []workload.LinkResult) any {
	cpu, n := 0.0, uint64(0)
	for _, r := range rs {
		cpu += r.Received.Usage.CPU
		n += r.Received.Count
	}
	if n == 0 || cpu == 0 {
		return nil
	}
	return cpu * 1e9 / float64(n)
}

// medianRate is the median of the messages per second.
func medianRate(rs []workload.LinkResult) float64 {
	return medianOf(rs, func(r workload.LinkResult) float64 { return float64(r.Received.Count) / r.Seconds() })
}

// medianOf is the median of a figure over several rounds.
func medianOf[R any](rs []R, figure func(R) float64) float64 {
	var all []float64
	for _, r := range rs {
		all = append(all, figure(r))
	}
	return measure.Median(all)
}

// medians are the medians of delays over several rounds, nil without delays.
func medians[R any](rs []R, delays func(R) *measure.Percentiles) *measure.Percentiles {
	var all []*measure.Percentiles
	for _, r := range rs {
		if p := delays(r); p != nil {
			all = append(all, p)
		}
	}
	return measure.Medians(all)
}

func p50(p *measure.Percentiles) any {
	if p == nil {
		return nil
	}
	return p.P50
}

func mean(p *measure.Percentiles) any {
	if p == nil {
		return nil
	}
	return p.Mean
}

func p99(p *measure.Percentiles) any {
	if p == nil {
		return nil
	}
	return p.P99
}

// knownUnless0 is a number, nil for 0.
func knownUnless0[N int | float64](n N) any {
	if n == 0 {
		return nil
	}
	return n
}

// ratio is a divided by b, nil if one of them is unknown.
func ratio(a, b any) any {
	x, y := number(a), number(b)
	if y == 0 {
		return nil
	}
	return x / y
}

func number(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}
