package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service/goal"
)

// A goalReport is feedback or the end of a goal in JSON.
type goalReport struct {
	Service string `json:"service"`
	Goal    string `json:"goal"` // id
	State   string `json:"state"`
	valueReport
}

const (
	acceptTimeout = 10 * time.Second // for the server's decision on a goal
	cancelTimeout = 10 * time.Second // for the handler of a goal that is cancelled
)

func (a *app) goal() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "goal NAME JSON",
		Short: "Start a goal given as JSON, and print its feedback and result",
		Long: `Start a goal given as JSON, or read as JSON from standard input where "-" is given. Each feedback is a line with the state "running"; the
last line has the state in which the goal ended, and its result. Feedback that comes faster than it is printed is passed over. Types and
encodings are those that the server announces.

Ctrl-C cancels the goal, and so does --timeout; the command then waits up to 10 s for its end. The exit code is 0 only if the goal
succeeded.`,
		Example: `  shmmon goal robot/arm/move '{"to":45}'
  shmmon goal robot/arm/move '{"to":45}' --timeout 30s --json`,
		Args:              cobra.MatchAll(cli.Args("NAME", "JSON"), serviceName),
		ValidArgsFunction: a.completeService,
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout < 0 {
				return cli.Usagef(cmd, "--timeout %v is negative", timeout)
			}
			js, err := jsonArgument(cmd, args[1])
			if err != nil {
				return err
			}
			return a.runGoal(cmd.Context(), args[0], js, timeout)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "cancel the goal so long after it was accepted; 0 is never")
	return a.tabular(cmd)
}

func (a *app) runGoal(ctx context.Context, name string, js []byte, timeout time.Duration) error {
	self, err := a.Join()
	if err != nil {
		return err
	}
	defer self.Close()
	d, err := a.findService(ctx, self, name)
	if err != nil {
		return err
	}
	types, ok := goal.TypesOf(d)
	if !ok {
		return fmt.Errorf("%q takes no goals; use 'shmmon call'", name)
	}
	value, err := a.encodeFor(name, types.Goal, js)
	if err != nil {
		return err
	}
	accept, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	client, err := goal.NewClient(accept, self, name, &goal.ClientOptions[[]byte, []byte, []byte]{
		GoalCodec: serde.Opaque(types.Goal), FeedbackCodec: serde.Opaque(types.Feedback), ResultCodec: serde.Opaque(types.Result),
	})
	if err != nil {
		return connecting(ctx, name, err)
	}
	defer client.Close()
	h, err := client.Start(accept, value)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer a.Streaming(ctx)()
	limit, cancelLimit := limited(ctx, timeout)
	defer cancelLimit()
	return a.followGoal(ctx, limit, name, h, types)
}

// followGoal prints the feedback of a goal and its end. When limit ends it cancels the goal.
func (a *app) followGoal(ctx, limit context.Context, name string, h *goal.Handle[[]byte, []byte], types goal.Types) error {
	id := h.ID().String()
	var incomplete error
	show := func(r goalReport) error {
		if incomplete == nil {
			incomplete = r.undecoded("a value")
		}
		return a.row(r, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%-9s  %s\n", r.State, r.String())
			return err
		})
	}
	for feedback, err := range h.Feedback(limit) {
		if err != nil {
			break // the result says why, or limit has ended
		}
		if err := show(goalReport{name, id, goal.Running.String(), a.reportValue(types.Feedback, feedback)}); err != nil {
			return err
		}
	}
	var why error
	if limit.Err() != nil {
		if why = errors.New("the timeout is over"); ctx.Err() != nil {
			why = cli.ErrInterrupted
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer cancel()
	if why != nil {
		if err := h.Cancel(end); err != nil {
			fmt.Fprintf(a.Stderr, "%v: %s\n", why, text.Escape(err.Error()))
		}
	}
	result, err := h.Result(end)
	if state := h.State(); state.Ended() {
		r := goalReport{Service: name, Goal: id, State: state.String()}
		if r.valueReport = (valueReport{Type: types.Result.Name, Encoding: types.Result.Encoding}); len(result) > 0 {
			r.valueReport = a.reportValue(types.Result, result)
		}
		if err := show(r); err != nil {
			return err
		}
	}
	switch {
	case err == nil:
		return incomplete
	case why != nil:
		return fmt.Errorf("%w: %w", why, err)
	}
	return err
}
