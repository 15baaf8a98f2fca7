// Package command is the command line of shmperf.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/floor"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/report"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
	"github.com/shmbus/shmbus/internal/subproc"
)

// Run executes one command line, without the program's name in args, and returns the exit code: 0 ok, 1 error, 2 wrong
// usage, 3 done but messages were lost that should not be. It ends early when ctx does.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return cli.Run(ctx, args, stdout, stderr, func(a *cli.App) *cobra.Command { return (&app{App: a}).root() })
}

// An app makes the commands.
type app struct {
	*cli.App
	csv bool // flag
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "shmperf",
		Short: "Measure shmbus on this machine",
		Long: `shmperf measures shmbus on the machine it runs on. It starts the processes that it needs itself, and they work in a
directory of shared memory of their own, which is gone afterwards. Nothing else of shmbus on the machine is touched.

Figures of one machine move from minute to minute; compare only what was measured in one run (see --floor).

Exit codes: 0 ok, 1 error, 2 wrong usage, 3 done but messages were lost that should not.`,
		Example: `  shmperf latency --size 64 --wait poll --floor   one-way latency between two processes, and the least possible
  shmperf latency --wait block --rate 2000
  shmperf stream --batch 32 --json
  shmperf stream --policy keep-last --csv
  shmperf fanout --subscribers 16 --against 1 --wait none
  shmperf floor spin                              what the machine does without a bus`,
	}
	root.PersistentFlags().BoolVar(&a.csv, "csv", false, "print CSV: a line of names, which are those of --json, and a line of figures")
	root.AddCommand(a.latency(), a.call(), a.stream(), a.fanout(), a.lastvalue(), a.discovery(), a.scale(), a.idle(), a.memory(), a.hop(), a.codec(),
		a.floor(), a.worker())
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		f := root.PersistentFlags()
		if dir := f.Lookup("dir"); dir != nil {
			dir.Usage = "directory of a tmpfs to measure in (default " + harness.DefaultDir + ")"
		}
		if domain := f.Lookup("domain"); domain != nil {
			domain.Hidden = true
		}
		help(cmd, args)
	})
	return root
}

// dir is the directory for environments.
func (a *app) dir() string {
	if a.Dir == "" {
		return harness.DefaultDir
	}
	return a.Dir
}

// check refuses flags that no command of this program has.
func (a *app) check(cmd *cobra.Command) error {
	switch {
	case a.Domain != "":
		return cli.Usagef(cmd, "every measurement has a domain of its own; --domain chooses nothing here")
	case a.JSON && a.csv:
		return cli.Usagef(cmd, "--json and --csv: choose one")
	}
	return nil
}

// print prints the figures.
func (a *app) print(f report.Figures) error {
	r := report.New(f, measure.ThisMachine())
	switch {
	case a.JSON:
		return a.Document(r)
	case a.csv:
		return r.CSV(a.Stdout)
	}
	return r.Print(a.Stdout)
}

// ended returns the error of a measurement as the user should read it.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return cli.ErrInterrupted
	}
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	return nil
}

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
