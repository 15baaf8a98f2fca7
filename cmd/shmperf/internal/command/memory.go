package command

import (
	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

func (a *app) memory() *cobra.Command {
	var o workload.Memory
	cmd := &cobra.Command{
		Use:   "memory",
		Short: "Measure how much memory a topic takes",
		Long: `memory has a process make topics and --subscribers others subscribe to each of them, with one sample that is published and
received, and measures what the files of the domain occupy: all of them, so what a topic adds anywhere is counted.
first_topic_bytes is what the first one adds to a domain whose processes have joined, topic_bytes what each adds on the
average of --topics.

rss_bytes is how large the process with the publisher is when it has one topic and does nothing; subscriber_rss_bytes
is that of the first one that subscribes. Both have the shared memory in them that they touched.`,
		Example: "  shmperf memory\n  shmperf memory --depth 2 --size 64 --topics 100 --json",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.memoryOptions(cmd, &o); err != nil {
				return err
			}
			r, err := o.Run(cmd.Context(), a.dir())
			if err != nil {
				return ended(cmd.Context(), err)
			}
			return a.print(memoryFigures(o, r))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Size, "size", 64, "bytes of a payload")
	f.IntVar(&o.Depth, "depth", 2, "samples that a publisher keeps")
	f.IntVar(&o.Topics, "topics", 16, "topics")
	f.IntVar(&o.Subscribers, "subscribers", 1, "processes that subscribe")
	return cmd
}

func (a *app) memoryOptions(cmd *cobra.Command, o *workload.Memory) error {
	const mostTopics, mostSubscribers = 4000, 64
	if err := a.check(cmd); err != nil {
		return err
	}
	switch {
	case o.Size < 1 || o.Size > maxSize:
		return cli.Usagef(cmd, "--size %d is not between 1 and %d", o.Size, maxSize)
	case o.Topics < 1 || o.Topics > mostTopics:
		return cli.Usagef(cmd, "--topics %d is not between 1 and %d", o.Topics, mostTopics)
	case o.Subscribers < 0 || o.Subscribers > mostSubscribers:
		return cli.Usagef(cmd, "--subscribers %d is not between 0 and %d", o.Subscribers, mostSubscribers)
	}
	return checkDepth(cmd, o.Depth)
}

func memoryFigures(o workload.Memory, r workload.MemoryResult) report.Figures {
	var subscriberRSS, subscriberThreads any
	if o.Subscribers > 0 {
		subscriberRSS, subscriberThreads = r.Subscriber.RSS, r.Subscriber.Threads
	}
	return report.Figures{
		Workload: "memory", Size: o.Size, Count: uint64(o.Topics),
		More: []report.Field{
			{Key: "topics", Value: o.Topics}, {Key: "subscribers", Value: o.Subscribers}, {Key: "depth", Value: o.Depth},
			{Key: "topic_bytes", Value: r.All / uint64(o.Topics)}, {Key: "first_topic_bytes", Value: r.First},
			{Key: "empty_bytes", Value: r.Empty}, {Key: "shm_bytes", Value: r.Empty + r.All},
			{Key: "rss_bytes", Value: r.Publisher.RSS}, {Key: "threads", Value: r.Publisher.Threads},
			{Key: "subscriber_rss_bytes", Value: subscriberRSS}, {Key: "subscriber_threads", Value: subscriberThreads},
		},
	}
}
