package command

import (
	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

func (a *app) scale() *cobra.Command {
	var e extent
	var o workload.Scale
	listings := 20
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Measure a domain with many topics and participants",
		Long: `scale fills a domain with participants, in 4 processes, which have a publisher for each topic between them (made_s, and made_cpu_s
for the CPU time of all of them). With --wildcards so many processes subscribe to every topic before. Then it measures how
much CPU time they all spend on a participant that joins, publishes and leaves (visit_cpu_s, with --visits), how long it
takes to list them all (list_p50_ns, and list_first_ns for the first time), and, as discovery does, how soon a subscriber
that waits has a new publisher: that is what the percentiles are of.`,
		Example: "  shmperf scale\n  shmperf scale --topics 10000 --participants 200 --json\n" +
			"  shmperf scale --topics 200 --participants 200 --visits 20\n  shmperf scale --topics 4000 --participants 1 --wildcards 1",
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.check(cmd); err != nil {
				return err
			}
			if err := e.complete(cmd, matchCount, maxDuration); err != nil {
				return err
			}
			const most, each = 1000, 4000 // a domain has room for 1024 participants, each for 4096 publishers
			switch {
			case o.Participants < 1 || o.Participants > most:
				return cli.Usagef(cmd, "--participants %d is not between 1 and %d", o.Participants, most)
			case o.Topics < 0 || o.Topics > each*o.Participants:
				return cli.Usagef(cmd, "--topics %d is not between 0 and %d for each participant", o.Topics, each)
			case listings < 1 || listings > 100_000:
				return cli.Usagef(cmd, "--listings %d is not between 1 and 100000", listings)
			case o.Wildcards < 0 || o.Wildcards > 100:
				return cli.Usagef(cmd, "--wildcards %d is not between 0 and 100", o.Wildcards)
			case o.Visits < 0 || o.Visits > 1000:
				return cli.Usagef(cmd, "--visits %d is not between 0 and 1000", o.Visits)
			}
			m := workload.Discovery{Count: e.count, Warm: matchWarm, Duration: e.duration}
			r, err := o.Run(cmd.Context(), a.dir(), listings, m)
			if err != nil {
				return ended(cmd.Context(), err)
			}
			return a.print(scaleFigures(o, r))
		},
	}
	e.flags(cmd, 0, "200")
	f := cmd.Flags()
	f.IntVar(&o.Topics, "topics", 1000, "topics, each with a publisher")
	f.IntVar(&o.Participants, "participants", 20, "participants that have them")
	f.IntVar(&listings, "listings", listings, "how often to list them")
	f.IntVar(&o.Wildcards, "wildcards", 0, "processes that subscribe to every topic before it is made")
	f.IntVar(&o.Visits, "visits", 0, "participants that join, publish and leave while the others do nothing")
	return cmd
}

func scaleFigures(o workload.Scale, r workload.ScaleResult) report.Figures {
	var visitCPU, idleCPU any
	if r.Visits.Count > 0 {
		visitCPU, idleCPU = r.Visits.CPU, 100*r.Visits.Idle
	}
	return report.Figures{
		Workload: "scale", Count: r.Match.Count, Delays: r.Match.Seen, CPU: r.Match.Usage.CPU,
		More: []report.Field{
			{Key: "topics", Value: o.Topics}, {Key: "participants", Value: o.Participants},
			{Key: "topics_listed", Value: r.Topics}, {Key: "participants_listed", Value: r.Participants},
			{Key: "list_first_ns", Value: int64(r.First)},
			{Key: "list_p50_ns", Value: p50(r.List)}, {Key: "list_p99_ns", Value: p99(r.List)},
			{Key: "new_publisher_p50_ns", Value: p50(r.Match.Made)}, {Key: "new_publisher_p99_ns", Value: p99(r.Match.Made)},
			{Key: "made_s", Value: r.Made.Seconds()}, {Key: "made_cpu_s", Value: r.MadeCPU},
			{Key: "wildcards", Value: o.Wildcards}, {Key: "visits", Value: r.Visits.Count},
			{Key: "visit_cpu_s", Value: visitCPU}, {Key: "idle_cpu_percent", Value: idleCPU},
		},
	}
}
