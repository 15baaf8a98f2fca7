package command

import (
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

func (c *callRun) figures() report.Figures {
	o, used, n := c.options, measure.Usage{}, uint64(0)
	for _, r := range c.found {
		used, n = used.Plus(r.Usage), n+r.Count
	}
	perS := medianOf(c.found, func(r workload.CallResult) float64 { return r.PerS })
	trips := medians(c.found, tripsOf)
	other, write := c.compared()
	f := report.Figures{
		Workload: "call", Size: o.Size, Wait: o.Wait, Count: n, Delays: trips, MessagesPerS: perS, BytesPerS: perS * float64(o.Size+o.ResponseSize),
		AllocsPerMsg: float64(used.Allocs) / float64(n), CPU: used.CPU,
		More: []report.Field{
			{Key: "response_size", Value: o.ResponseSize}, {Key: "clients", Value: o.Clients}, {Key: "stuck", Value: o.Stuck},
			{Key: "context_switches_voluntary_per_msg", Value: float64(used.Voluntary) / float64(n)},
			{Key: "context_switches_involuntary_per_msg", Value: float64(used.Involuntary) / float64(n)},
			{Key: "rounds", Value: len(c.found)},
		},
	}
	f.More = append(f.More, floorFields(floorOf(o.Wait), trips, twice(medians(c.floors, delaysOf)))...)
	with := any(nil)
	if c.with != "" {
		with = c.with
	}
	f.More = append(f.More, []report.Field{
		{Key: "against", Value: with}, {Key: "against_p50_ns", Value: p50(other)}, {Key: "against_p99_ns", Value: p99(other)},
		{Key: "against_write_ns", Value: knownUnless0(write)},
		{Key: "ratio_against_p50", Value: ratio(p50(trips), p50(other))}, {Key: "ratio_against_p99", Value: ratio(p99(trips), p99(other))},
		{Key: "rate_per_s", Value: knownUnless0(o.Rate)}, {Key: "touch", Value: touched(o.TouchOne)},
	}...)
	return f
}

// compared returns what the round trips are divided by, and the nanoseconds of writing a response that it contains.
func (c *callRun) compared() (other *measure.Percentiles, write float64) {
	switch c.with {
	case againstLatency:
		return medians(c.links, delaysOf), 0
	case againstWrite:
		write = 1e9 / medianRate(c.writes)
		other = medians(c.against, tripsOf)
		other.P50 += int64(write)
		other.P99 += int64(write)
		return other, write
	}
	return medians(c.against, tripsOf), 0
}

func tripsOf(r workload.CallResult) *measure.Percentiles { return r.Trips }

// twice is a delay there and back.
func twice(p *measure.Percentiles) *measure.Percentiles {
	if p == nil {
		return nil
	}
	return &measure.Percentiles{P50: 2 * p.P50, P90: 2 * p.P90, P99: 2 * p.P99, P999: 2 * p.P999, Max: 2 * p.Max, Mean: 2 * p.Mean}
}
