package command

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/meeting"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
)

const (
	matchCount = 200
	matchWarm  = 5
	maxDeaths  = 10_000
)

func (a *app) discovery() *cobra.Command {
	var e extent
	var victims int
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
			if err := e.settle(cmd, matchCount, enough); err != nil {
				return err
			}
			if victims < 0 || victims > maxDeaths {
				return cli.Usagef(cmd, "--deaths %d is not between 0 and %d", victims, maxDeaths)
			}
			m, deaths, err := a.discover(cmd.Context(), meeting.Order{Count: e.count, Warm: matchWarm, Duration: e.duration}, victims)
			if err != nil {
				return ended(cmd.Context(), err)
			}
			return a.print(discoveryFigures(m, deaths, victims))
		},
	}
	e.flags(cmd, 0, "200")
	cmd.Flags().IntVar(&victims, "deaths", 20, "processes to kill")
	return cmd
}

func (a *app) discover(ctx context.Context, o meeting.Order, victims int) (m meeting.Matches, deaths *distribution.Percentiles, err error) {
	st, err := stage.Open(ctx, a.place())
	if err != nil {
		return meeting.Matches{}, nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if m, err = meeting.Match(st, o); err == nil && victims > 0 {
		deaths, err = meeting.Deaths(st, victims)
	}
	return m, deaths, err
}

func discoveryFigures(m meeting.Matches, deaths *distribution.Percentiles, victims int) report.Figures {
	most := any(nil)
	if deaths != nil {
		most = deaths.Max
	}
	return report.Figures{
		Workload: "discovery", Count: m.Count, Delays: m.Seen, CPU: m.Usage.CPU,
		More: []report.Field{
			{Key: "new_publisher_p50_ns", Value: p50(m.Made)}, {Key: "new_publisher_p99_ns", Value: p99(m.Made)},
			{Key: "deaths", Value: victims}, {Key: "death_p50_ns", Value: p50(deaths)}, {Key: "death_p99_ns", Value: p99(deaths)},
			{Key: "death_max_ns", Value: most},
		},
	}
}
