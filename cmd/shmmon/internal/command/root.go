// Package command is the command line of shmmon: the live table and the one-shot commands, as functions of a context, arguments and
// output streams.
//
// Only results go to standard output. Text from other processes is escaped before it is printed.
package command

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/logtopics"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/recorders"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/screen"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/serde/dynamic"
)

// Run executes one command line, without the program's name in args, and returns the exit code: 0 ok, 1 error, 2 wrong
// usage, 3 done but the output is incomplete, or something is wrong with the domain. It ends early when ctx does.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return cli.Run(ctx, args, stdout, stderr, func(a *cli.App) *cobra.Command { return (&app{App: a}).root() })
}

// An app makes the commands.
type app struct {
	*cli.App
	payloads dynamic.Converter
	ascii    bool // flag

	forms      forms
	fields     []field // what is shown of a payload or a row; none = all
	undecoded  uint64  // payloads of encodings that can be decoded
	firstError error   // why the first of these was not
}

func (a *app) root() *cobra.Command {
	var interval time.Duration
	var all bool
	var f checkFlags
	root := &cobra.Command{
		Use:   "shmmon",
		Short: "Watch the topics of a shmbus domain",
		Long: `shmmon watches the topics of a shmbus domain. Without a command it shows a live table in the terminal;
the commands print one thing and end. Rates come from the publishers' own counters in shared memory: watching
costs the watched nothing.

Exit codes: 0 ok, 1 error, 2 wrong usage, 3 done but the output is incomplete ('echo') or something is wrong ('doctor', 'check').`,
		Example: `  shmmon                                  the live table; ? shows the keys
  shmmon --rules robot.toml               the same, with alerts by your own rules, as of 'check'
  shmmon list --json                      every topic with its rate, for scripts
  shmmon echo robot/pose -n 5             the next five messages
  shmmon pub robot/goal '{"x":1,"y":2}'   publish one message`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.JSON {
				return cli.Usagef(cmd, "the live table has no JSON form; use 'shmmon list --json'")
			}
			if interval < 100*time.Millisecond || interval > time.Hour {
				return cli.Usagef(cmd, "--interval %v is not between 100ms and 1h", interval)
			}
			var r *rules.Rules
			if f.given(cmd) {
				var err error
				if r, err = f.rules(cmd, nil); err != nil {
					return err
				}
			}
			return a.live(cmd.Context(), interval, all, r)
		},
	}
	root.Flags().DurationVar(&interval, "interval", time.Second, "time between two scans of the live table")
	root.Flags().BoolVar(&a.ascii, "ascii", false, "draw the live table with ASCII only, as where the locale has no UTF-8")
	allFlag(root, &all)
	f.add(root)
	root.AddCommand(a.list(), a.info(), a.echo(), a.hz(), a.bw(), a.ps(), a.pub(), a.clean(), a.delay(), a.graph(), a.top(), a.doctor(), a.check(), a.export(), a.log(), a.policy(), a.services(), a.groups(), a.call(), a.goal(), a.param())
	return root
}

// live runs the live table.
func (a *app) live(ctx context.Context, interval time.Duration, all bool, r *rules.Rules) error {
	if a.Screen == nil || !cli.IsTerminal(os.Stdin) {
		return errors.New("the live table needs a terminal; in a script or a pipe use one of list, info, echo, hz, bw, ps, top --once, doctor (each with --json)")
	}
	source, dir, err := a.open()
	if err != nil {
		return err
	}
	defer source.Close()
	c, reader, logs := source.Clock(), services.Open(dir), logtopics.Open(dir)
	defer reader.Close()
	defer logs.Close()
	return screen.Run(ctx, source, a.Screen, &screen.Options{
		Domain: dir, Interval: interval, All: all, Rules: r, Messages: message.Domain{Dir: dir}, Services: reader, Logs: logs,
		Recorders: &recorders.Domain{Dir: dir}, ASCII: a.ascii || theme.NeedsASCII(os.Getenv),
		Wall: func(stamp int64) time.Time {
			now := c.Read() // each time: the wall clock may be set while the screen is open
			return time.Unix(0, now.Wall+stamp-now.Stamp)
		},
	})
}

// open prepares to observe the domain that the flags and the environment name.
func (a *app) open() (*watch.Domain, string, error) {
	dir, err := a.CheckedDir()
	if err != nil {
		return nil, "", err
	}
	source, err := watch.Open(dir)
	return source, dir, err
}

// snapshot scans the domain once.
func (a *app) snapshot() (watch.View, string, error) {
	source, dir, err := a.open()
	if err != nil {
		return watch.View{}, "", err
	}
	defer source.Close()
	s, err := source.Snapshot()
	if err != nil {
		return watch.View{}, "", err
	}
	return watch.NewTracker(nil).Add(s), dir, nil
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return cli.ErrInterrupted
	case <-t.C:
		return nil
	}
}
