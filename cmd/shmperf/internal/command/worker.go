package command

import (
	"fmt"
	"maps"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
	"github.com/shmbus/shmbus/internal/subproc"
)

// worker is the command of the processes of a measurement.
func (a *app) worker() *cobra.Command {
	roles := workload.Roles()
	maps.Copy(roles, floor.Roles())
	return &cobra.Command{
		Use:    subproc.Command + " NAME",
		Short:  "Be one of the processes of a measurement",
		Hidden: true,
		Args:   cli.Args("the name of the role"),
		RunE: func(cmd *cobra.Command, args []string) error {
			role, ok := roles[args[0]]
			if !ok {
				return cli.Usage(cmd, fmt.Errorf("there is no role %q", args[0]))
			}
			return subproc.Serve(cmd.Context(), subproc.Input(), a.Stdout, role)
		},
	}
}
