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

const (
	matchCount = 200
	matchWarm  = 5
	maxDeaths  = 10_000
)

// matchFloorRate is the rate of the floor. Its receiver sleeps as deeply as the subscriber.
const matchFloorRate = 200

// A discoveryRun is a measurement and its results.
type discoveryRun struct {
	options   workload.Discovery
	victims   int
	withFloor bool
	found     []workload.Matches
	deaths    *measure.Percentiles
	floors    []workload.LinkResult
}

func (a *app) discovery() *cobra.Command {
	var e extent
	var d discoveryRun
	cmd := &cobra.Command{
		Use:   "discovery",
		Short: "Time how soon processes notice each other",
		Long: `discovery measures how soon a subscriber that waits has a new publisher of another process: the percentiles are of the time
from before NewPublisher until WaitPublishers has returned; new_publisher_p50_ns is how long NewPublisher took.
death_p50_ns and its like are the time from before SIGKILL of a process until Events of another one says that it died.`,
		Example: "  shmperf discovery\n  shmperf discovery --count 1000 --deaths 100 --json",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.check(cmd); err != nil {
				return err
			}
			if err := e.complete(cmd, matchCount, maxDuration); err != nil {
				return err
			}
			if d.victims < 0 || d.victims > maxDeaths {
				return cli.Usagef(cmd, "--deaths %d is not between 0 and %d", d.victims, maxDeaths)
			}
			d.options = workload.Discovery{Count: e.count, Warm: matchWarm, Duration: e.duration}
			if err := a.discover(cmd.Context(), &d); err != nil {
				return ended(cmd.Context(), err)
			}
			return a.print(d.figures())
		},
	}
	e.flags(cmd, 0, "200")
	cmd.Flags().IntVar(&d.victims, "deaths", 20, "processes to kill")
	floorFlag(cmd, &d.withFloor, "futex, for one process that wakes another 200 times per second")
	return cmd
}

// discover measures matches, with --floor in turns with the floor, and then deaths.
func (a *app) discover(ctx context.Context, d *discoveryRun) error {
	own := d.options
	var under *floor.Options
	if d.withFloor {
		own.Count, own.Duration = share(own.Count), share(own.Duration)
		under = &floor.Options{Kind: floor.Futex, Count: own.Count, Warm: own.Warm, Duration: own.Duration, Rate: matchFloorRate}
	}
	match := func() error {
		m, err := own.Run(ctx, a.dir())
		d.found = append(d.found, m)
		return err
	}
	err := inTurns(roundsOf(d.withFloor), a.floors(ctx, under, &d.floors), match)
	if err != nil || d.victims == 0 {
		return err
	}
	d.deaths, err = workload.Deaths(ctx, a.dir(), d.victims)
	return err
}

func (d *discoveryRun) figures() report.Figures {
	most := any(nil)
	if d.deaths != nil {
		most = d.deaths.Max
	}
	n, cpu := uint64(0), 0.0
	for _, m := range d.found {
		n += m.Count
		cpu += m.Usage.CPU
	}
	seen := medians(d.found, func(m workload.Matches) *measure.Percentiles { return m.Seen })
	made := medians(d.found, func(m workload.Matches) *measure.Percentiles { return m.Made })
	f := report.Figures{
		Workload: "discovery", Count: n, Delays: seen, CPU: cpu,
		More: []report.Field{
			{Key: "new_publisher_p50_ns", Value: p50(made)}, {Key: "new_publisher_p99_ns", Value: p99(made)},
			{Key: "deaths", Value: d.victims}, {Key: "death_p50_ns", Value: p50(d.deaths)}, {Key: "death_p99_ns", Value: p99(d.deaths)},
			{Key: "death_max_ns", Value: most}, {Key: "rounds", Value: len(d.found)},
		},
	}
	f.More = append(f.More, floorFields(floor.Futex, seen, medians(d.floors, delaysOf))...)
	return f
}
