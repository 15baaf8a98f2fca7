package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
)

func callsFlag(cmd *cobra.Command, wanted *bool) {
	cmd.Flags().BoolVar(wanted, "strace", false, "afterwards count system calls in two more passes under strace, which nothing else is measured in")
}

// Messages of the longer pass under strace.
const (
	streamPass   = 100_000
	answeredPass = 20_000
	pacedPass    = 1000
)

// linkCalls adds system calls per message to the figures of a link.
func (a *app) linkCalls(ctx context.Context, o workload.Link, wanted bool, f *report.Figures) error {
	var sender, receiver, futex any
	if wanted {
		long := uint64(streamPass)
		switch {
		case o.Rate > 0:
			long = pacedPass
		case o.Answered || o.Wait == workload.WaitBlock:
			long = answeredPass
		}
		o.Duration = 0
		c, err := measure.CountSyscalls(long, []string{workload.LinkSender, workload.LinkReceiver}, func(n uint64, wrap func(string) []string) error {
			o.Count = n
			_, err := o.Run(ctx, a.dir(), wrap)
			return err
		})
		if err != nil {
			return err
		}
		from, to := c[workload.LinkSender], c[workload.LinkReceiver]
		f.SyscallsPerMsg = from.All + to.All
		sender, receiver, futex = from.All, to.All, from.Futex+to.Futex
	}
	f.More = append(f.More, report.Field{Key: "syscalls_sender_per_msg", Value: sender},
		report.Field{Key: "syscalls_receiver_per_msg", Value: receiver}, report.Field{Key: "futex_calls_per_msg", Value: futex})
	return nil
}

// fanoutCalls adds the system calls of the publisher to the figures of a fan-out.
func (a *app) fanoutCalls(ctx context.Context, o workload.FanOut, wanted bool, f *report.Figures) error {
	var futex any
	if wanted {
		long := uint64(answeredPass)
		if o.Rate > 0 {
			long = pacedPass
		}
		o.Duration = 0
		c, err := measure.CountSyscalls(long, []string{workload.FanOutPublisher}, func(n uint64, wrap func(string) []string) error {
			o.Count = n
			_, err := o.Run(ctx, a.dir(), wrap(workload.FanOutPublisher)...)
			return err
		})
		if err != nil {
			return err
		}
		f.SyscallsPerMsg, futex = c[workload.FanOutPublisher].All, c[workload.FanOutPublisher].Futex
	}
	f.More = append(f.More, report.Field{Key: "futex_calls_per_msg", Value: futex})
	return nil
}
