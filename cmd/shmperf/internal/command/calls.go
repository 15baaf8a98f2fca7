package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/trace"
)

func callsFlag(cmd *cobra.Command, wanted *bool) {
	cmd.Flags().BoolVar(wanted, "strace", false, "afterwards count system calls in two more passes under strace, which nothing else is measured in")
}

// calls adds what is known of system calls to the figures of a pair.
func (a *app) calls(ctx context.Context, o pair.Order, wanted bool, f *report.Figures) error {
	var sender, receiver, futex any
	if wanted {
		c, err := trace.Count(ctx, a.place(), o)
		if err != nil {
			return err
		}
		f.SyscallsPerMsg = c.Sender + c.Receiver
		sender, receiver, futex = c.Sender, c.Receiver, c.Futex
	}
	f.More = append(f.More, report.Field{Key: "syscalls_sender_per_msg", Value: sender},
		report.Field{Key: "syscalls_receiver_per_msg", Value: receiver}, report.Field{Key: "futex_calls_per_msg", Value: futex})
	return nil
}
