package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/codec"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/crowd"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/fanout"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/footprint"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/hop"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/idle"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/lastvalue"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/meeting"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/internal/subproc"
)

type role = func(context.Context, *subproc.Parent) error

// roles are what a process can be started as.
func roles() map[string]role {
	return map[string]role{
		meeting.Publisher:    meeting.Publish,
		meeting.Subscriber:   meeting.Subscribe,
		meeting.Watcher:      meeting.Watch,
		meeting.Victim:       meeting.Die,
		pair.Sender:          pair.Send,
		pair.Receiver:        pair.Receive,
		crowd.Role:           crowd.Play,
		crowd.Wildcard:       crowd.Collect,
		crowd.Visitor:        crowd.Visit,
		idle.Role:            idle.Play,
		fanout.Publisher:     fanout.Publish,
		fanout.Subscriber:    fanout.Subscribe,
		codec.Role:           codec.Play,
		footprint.Publisher:  footprint.Publish,
		footprint.Subscriber: footprint.Subscribe,
		hop.Bouncer:          hop.Bounce,
		hop.Publisher:        hop.Publish,
		lastvalue.Writer:     lastvalue.Write,
		lastvalue.Reader:     lastvalue.ReadValues,
		floor.Sender:         floor.Send,
		floor.Receiver:       floor.Receive,
		floor.Copier:         floor.Copy,
	}
}

// role is the command that a crew starts its processes with.
func (a *app) role() *cobra.Command {
	return &cobra.Command{
		Use:    subproc.Command + " NAME",
		Short:  "Be one of the processes of a measurement",
		Hidden: true,
		Args:   cli.Args("the name of the role"),
		RunE: func(cmd *cobra.Command, args []string) error {
			play, ok := roles()[args[0]]
			if !ok {
				return cli.Usage(cmd, fmt.Errorf("there is no role %q", args[0]))
			}
			return subproc.Serve(cmd.Context(), subproc.Input(), a.Stdout, play)
		},
	}
}
