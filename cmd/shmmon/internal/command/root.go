package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/screen"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// Run executes one command line, without the program's name in args, and returns the exit code: 0 ok, 1 error, 2 wrong
// usage, 3 done but messages were lost. It ends early when ctx does.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: text.Writer{W: stderr}}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(a.stderr, "shmmon: %v\n", err)
	var u *usageError
	if errors.As(err, &u) {
		fmt.Fprintf(a.stderr, "'%s --help' shows how to use it.\n", u.command)
	}
	return exitCode(err)
}

// An app is what the commands share.
type app struct {
	stdout, stderr io.Writer
	dir, domain    string
	json           bool
}

func (a *app) root() *cobra.Command {
	var interval time.Duration
	root := &cobra.Command{
		Use:   "shmmon",
		Short: "Watch the topics of a shmbus domain",
		Long: `shmmon watches the topics of a shmbus domain. Without a command it shows a live table in the terminal;
the commands print one thing and end. Rates come from the publishers' own counters in shared memory: watching
costs the watched nothing.

Exit codes: 0 ok, 1 error, 2 wrong usage, 3 done but messages were lost.`,
		Example: `  shmmon                                  the live table; ? shows the keys
  shmmon list --json                      every topic with its rate, for scripts
  shmmon echo robot/pose -n 5             the next five messages
  shmmon pub robot/goal '{"x":1,"y":2}'   publish one message`,
		Args:          args(cobra.NoArgs),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.json {
				return usage(cmd, errors.New("the live table has no JSON form; use 'shmmon list --json'"))
			}
			if interval < 100*time.Millisecond || interval > time.Hour {
				return usage(cmd, fmt.Errorf("--interval %v is not between 100ms and 1h", interval))
			}
			return a.table(cmd.Context(), interval)
		},
	}
	root.SetFlagErrorFunc(usage)
	root.Flags().DurationVar(&interval, "interval", time.Second, "time between two looks of the live table")
	root.PersistentFlags().StringVar(&a.dir, "dir", "", "directory of domains (default $SHMBUS_DIR, else /dev/shm/shmbus-<uid>)")
	root.PersistentFlags().StringVar(&a.domain, "domain", "", `domain (default $SHMBUS_DOMAIN, else "default")`)
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON (see docs/shmmon.md for the fields)")
	root.AddCommand(a.list(), a.info(), a.echo(), a.hz(), a.bw(), a.ps(), a.pub(), a.clean())
	return root
}

// table runs the live table.
func (a *app) table(ctx context.Context, interval time.Duration) error {
	out, ok := a.stdout.(*os.File)
	if !ok || !term.IsTerminal(out.Fd()) || !term.IsTerminal(os.Stdin.Fd()) {
		return errors.New("the live table needs a terminal; in a script or a pipe use one of list, info, echo, hz, bw, ps (each with --json)")
	}
	source, dir, err := a.open()
	if err != nil {
		return err
	}
	defer source.Close()
	return screen.Run(ctx, source, out, &screen.Options{Domain: dir, Interval: interval})
}

// domainDir returns the directory of the domain that the flags and the environment name.
func (a *app) domainDir() (string, error) { return registry.DomainDir(a.dir, a.domain) }

// open prepares to look at the domain.
func (a *app) open() (*watch.Domain, string, error) {
	dir, err := a.domainDir()
	if err != nil {
		return nil, "", err
	}
	source, err := watch.Open(dir)
	return source, dir, err
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return errors.New("interrupted")
	case <-t.C:
		return nil
	}
}
