package command

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

const idleFor = 3 * time.Second

func (a *app) idle() *cobra.Command {
	var o workload.Idle
	cmd := &cobra.Command{
		Use:   "idle",
		Short: "Measure what a process costs while nothing happens",
		Long: `idle starts a process with publishers and waiting subscriptions, publishes one sample on each topic, and then measures for
--duration what the process costs while nothing happens: CPU time and context switches, threads, memory (rss_bytes,
with the shared memory that it touched), and what the whole domain occupies of shared memory (shm_bytes).

Subscription i is of topic i; where there are more of them than topics, topics have several, and without topics they
wait for publishers that never come. Every subscription has a goroutine that receives.`,
		Example: "  shmperf idle --topics 1 --subscriptions 0\n  shmperf idle --subscriptions 1000 --duration 60s --json",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.idleOptions(cmd, &o); err != nil {
				return err
			}
			r, err := o.Run(cmd.Context(), a.dir())
			if err != nil {
				return ended(cmd.Context(), err)
			}
			return a.print(idleFigures(o, r))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Topics, "topics", 1, "publishers, each of a topic of its own")
	f.IntVar(&o.Subscriptions, "subscriptions", 1, "subscriptions that wait")
	f.IntVar(&o.Size, "size", 64, "bytes of the sample that each topic gets before")
	f.IntVar(&o.Depth, "depth", 16, "samples that a publisher keeps")
	f.DurationVar(&o.Duration, "duration", idleFor, "measure this long")
	return cmd
}

func (a *app) idleOptions(cmd *cobra.Command, o *workload.Idle) error {
	if err := a.check(cmd); err != nil {
		return err
	}
	const most = 4000 // a participant has room for 4096 of both together
	switch {
	case o.Topics < 0 || o.Subscriptions < 0 || o.Topics > most || o.Subscriptions > most || o.Topics+o.Subscriptions > most:
		return cli.Usagef(cmd, "--topics %d and --subscriptions %d are not between 0 and %d together", o.Topics, o.Subscriptions, most)
	case o.Size < 1 || o.Size > maxSize:
		return cli.Usagef(cmd, "--size %d is not between 1 and %d", o.Size, maxSize)
	case o.Duration <= 0 || o.Duration > time.Hour:
		return cli.Usagef(cmd, "--duration %v is not above 0 and at most 1h", o.Duration)
	}
	return checkDepth(cmd, o.Depth)
}

func idleFigures(o workload.Idle, r workload.IdleResult) report.Figures {
	return report.Figures{
		Workload: "idle", Size: o.Size, CPU: r.Usage.CPU,
		More: []report.Field{
			{Key: "topics", Value: o.Topics}, {Key: "subscriptions", Value: o.Subscriptions}, {Key: "depth", Value: o.Depth},
			{Key: "measured_s", Value: r.Seconds}, {Key: "cpu_percent", Value: 100 * r.Usage.CPU / r.Seconds},
			{Key: "threads", Value: r.Threads}, {Key: "rss_bytes", Value: r.RSS}, {Key: "shm_bytes", Value: r.Shared},
			{Key: "context_switches_voluntary_per_s", Value: float64(r.Usage.Voluntary) / r.Seconds},
			{Key: "context_switches_involuntary_per_s", Value: float64(r.Usage.Involuntary) / r.Seconds},
			{Key: "allocs_per_s", Value: float64(r.Usage.Allocs) / r.Seconds},
		},
	}
}
