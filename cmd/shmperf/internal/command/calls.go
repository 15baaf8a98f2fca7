package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/fanout"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/trace"
)

func callsFlag(cmd *cobra.Command, wanted *bool) {
	cmd.Flags().BoolVar(wanted, "strace", false, "afterwards count system calls in two more passes under strace, which nothing else is measured in")
}

// How many messages the passes under strace have.
const (
	streamPass   = 100_000
	answeredPass = 20_000
	pacedPass    = 1000
)

// calls adds what is known of system calls to the figures of a pair.
func (a *app) calls(ctx context.Context, o pair.Order, wanted bool, f *report.Figures) error {
	var sender, receiver, futex any
	if wanted {
		long := uint64(streamPass)
		switch {
		case o.Rate > 0:
			long = pacedPass
		case o.Answered || o.Wait == pair.Block:
			long = answeredPass
		}
		o.Duration = 0
		c, err := trace.Count(long, []string{pair.Sender, pair.Receiver}, func(n uint64, wrap func(string) []string) error {
			o.Count = n
			_, err := pair.Run(ctx, a.place(), o, wrap)
			return err
		})
		if err != nil {
			return err
		}
		from, to := c[pair.Sender], c[pair.Receiver]
		f.SyscallsPerMsg = from.All + to.All
		sender, receiver, futex = from.All, to.All, from.Futex+to.Futex
	}
	f.More = append(f.More, report.Field{Key: "syscalls_sender_per_msg", Value: sender},
		report.Field{Key: "syscalls_receiver_per_msg", Value: receiver}, report.Field{Key: "futex_calls_per_msg", Value: futex})
	return nil
}

// publisherCalls is calls for a fan-out, where only the publisher's are counted.
func (a *app) publisherCalls(ctx context.Context, o fanout.Order, wanted bool, f *report.Figures) error {
	var futex any
	if wanted {
		long := uint64(answeredPass)
		if o.Rate > 0 {
			long = pacedPass
		}
		o.Duration = 0
		c, err := trace.Count(long, []string{fanout.Publisher}, func(n uint64, wrap func(string) []string) error {
			o.Count = n
			_, err := fanout.Run(ctx, a.place(), o, wrap(fanout.Publisher)...)
			return err
		})
		if err != nil {
			return err
		}
		f.SyscallsPerMsg, futex = c[fanout.Publisher].All, c[fanout.Publisher].Futex
	}
	f.More = append(f.More, report.Field{Key: "futex_calls_per_msg", Value: futex})
	return nil
}
