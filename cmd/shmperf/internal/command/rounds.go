package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
)

// beside is how many rounds a measurement is cut into that is compared with another one: one moment says little of a machine
// that others use too.
const beside = 5

func floorFlag(cmd *cobra.Command, wanted *bool, which string) {
	cmd.Flags().BoolVar(wanted, "floor", false, "measure the floor too, in turns, and print medians of 5 rounds and their ratio: "+which)
}

// inTurns measures one thing after the other, and that several times. What is nil is not measured.
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

// roundsOf is how many rounds a measurement has that is compared with another one, or is not.
func roundsOf(compared bool) int {
	if compared {
		return beside
	}
	return 1
}

// pairs measures a pair, and adds what it found to what was found before; nil for none.
func (a *app) pairs(ctx context.Context, o *pair.Order, found *[]pair.Result) func() error {
	if o == nil {
		return nil
	}
	return func() error {
		r, err := pair.Run(ctx, a.place(), *o, nil)
		if err == nil {
			err = account(r.Sent.Count, r.Got.Count, r.Got.Lost)
		}
		*found = append(*found, r)
		return err
	}
}

// floors is pairs for a floor.
func (a *app) floors(ctx context.Context, o *floor.Order, found *[]pair.Result) func() error {
	if o == nil {
		return nil
	}
	return func() error {
		r, err := floor.Run(ctx, a.place(), *o)
		*found = append(*found, r)
		return err
	}
}

// share is the part of one round of a whole that is not 0.
func share[N uint64 | time.Duration](whole N) N {
	if whole == 0 {
		return 0
	}
	return max(1, whole/beside)
}

// pairFigures is what two processes found between them, in one round or several.
func pairFigures(o pair.Order, rs []pair.Result) report.Figures {
	used, n, waited, memory := rs[0].Sent.Usage.Since(rs[0].Sent.Usage), uint64(0), uint64(0), uint64(0)
	for _, r := range rs {
		used = used.Plus(r.Sent.Usage).Plus(r.Got.Usage)
		n += r.Got.Count
		waited += r.Sent.Waited
		memory = max(memory, r.Sent.Memory)
	}
	perSecond := medianRate(rs)
	return report.Figures{
		Size: o.Size, Wait: o.Wait, Count: n, Lost: lostOf(rs),
		Delays:       of(rs, delaysOf),
		MessagesPerS: perSecond, BytesPerS: perSecond * float64(o.Size),
		AllocsPerMsg: float64(used.Allocs) / float64(n), CPU: used.CPU,
		More: []report.Field{
			{Key: "context_switches_voluntary_per_msg", Value: float64(used.Voluntary) / float64(n)},
			{Key: "context_switches_involuntary_per_msg", Value: float64(used.Involuntary) / float64(n)},
			{Key: "publishes_that_waited", Value: waited},
			{Key: "touch", Value: touched(o.TouchOne)}, {Key: "loan", Value: o.Loan}, {Key: "copy_out", Value: o.Copy},
			{Key: "batch", Value: unless0(o.Batch)}, {Key: "depth", Value: o.Depth}, {Key: "memory_bytes", Value: memory},
		},
	}
}

func touched(one bool) string {
	if one {
		return "one"
	}
	return "all"
}

func lostOf(rs []pair.Result) (n uint64) {
	for _, r := range rs {
		n += r.Got.Lost
	}
	return n
}

// medianRate is messages per second.
func medianRate(rs []pair.Result) float64 {
	return medianOf(rs, func(r pair.Result) float64 { return float64(r.Got.Count) / r.Seconds() })
}

// medianOf is the median of a figure over several rounds.
func medianOf[R any](rs []R, figure func(R) float64) float64 {
	var all []float64
	for _, r := range rs {
		all = append(all, figure(r))
	}
	return distribution.Median(all)
}

// of is the medians of delays over several rounds, nil where there were none.
func of[R any](rs []R, delays func(R) *distribution.Percentiles) *distribution.Percentiles {
	var all []*distribution.Percentiles
	for _, r := range rs {
		if p := delays(r); p != nil {
			all = append(all, p)
		}
	}
	return distribution.Medians(all)
}

func p50(p *distribution.Percentiles) any {
	if p == nil {
		return nil
	}
	return p.P50
}

func mean(p *distribution.Percentiles) any {
	if p == nil {
		return nil
	}
	return p.Mean
}

func p99(p *distribution.Percentiles) any {
	if p == nil {
		return nil
	}
	return p.P99
}

// unless0 is a number, unknown where it is 0.
func unless0[N int | float64](n N) any {
	if n == 0 {
		return nil
	}
	return n
}

// ratio is how many times b goes into a, unknown where one of them is.
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
