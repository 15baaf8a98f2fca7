package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A goalReport is feedback or the end of a goal in JSON.
type goalReport struct {
	Service string `json:"service"`
	Goal    string `json:"goal"`  // id; empty: it has none yet
	State   string `json:"state"` // empty: the server was not asked
	valueReport
	Failure *failureReport `json:"failure"`
}

const (
	acceptTimeout = 10 * time.Second // for the server's decision on a goal
	cancelTimeout = 10 * time.Second // for the handler of a goal that is cancelled
)

// stateRejected is that of a goal that the server did not accept.
const stateRejected = "rejected"

func (a *app) goal() *cobra.Command {
	var timeout time.Duration
	var unchecked bool
	var find string
	cmd := &cobra.Command{
		Use:   "goal NAME JSON",
		Short: "Start a goal given as JSON, and print its feedback and result",
		Long: `Start a goal given as JSON, or read as JSON from standard input where "-" is given. The first line has the goal's id, each feedback is a
line with the state "running", and the last line has the state in which the goal ended, and its result. With --json each line has the id,
and the last one a "failure", as that of 'call', if the goal did not succeed. Feedback that comes faster than it is printed is passed over.
Types and encodings are those that the server announces. A goal must fit its schema, which must have all its fields; without a schema, the
server drops fields that it does not know.

Ctrl-C cancels the goal, and so does --timeout; the command then waits up to 10 s for its end. The exit code is 0 only if the goal
succeeded.

--find follows a goal that was started before, until its end, also one whose result the server still has. Ctrl-C and --timeout then leave the
goal; the server cancels it if it has no other client, unless its goals outlive their clients.`,
		Example: `  shmmon goal robot/arm/move '{"to":45}'
  shmmon goal robot/arm/move '{"to":45}' --timeout 30s --json
  shmmon goal robot/arm/move --find 6f0c9a7b3d1e4f508192a3b4c5d6e7f8`,
		Args: func(cmd *cobra.Command, args []string) error {
			wanted := cli.Args("NAME", "JSON")
			if find != "" {
				wanted = cli.Args("NAME")
			}
			return cobra.MatchAll(wanted, serviceName)(cmd, args)
		},
		ValidArgsFunction: a.completeService,
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout < 0 {
				return cli.Usagef(cmd, "--timeout %v is negative", timeout)
			}
			g := &goalRun{app: a, target: target{name: args[0]}, find: find != "", unchecked: unchecked, timeout: timeout, grace: cancelTimeout}
			var err error
			if g.find {
				if g.id, err = goal.ParseID(find); err != nil {
					return cli.Usage(cmd, err)
				}
			} else if g.js, err = jsonArgument(cmd, args[1]); err != nil {
				return err
			}
			if err := a.checkFieldNames(cmd, goalReport{}); err != nil {
				return err
			}
			if err = g.run(cmd); cli.Complete(err) || cli.IsUsage(err) || g.ended {
				return err
			}
			r := goalReport{Service: g.name, State: g.state, Failure: reportFailure(err, g.only)}
			if g.id != (goal.ID{}) {
				r.Goal = g.id.String()
			}
			return a.printFailure(r, err)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "cancel the goal so long after it was accepted; 0 is never; the server must accept it within the same time, at most 10 s")
	cmd.Flags().StringVar(&find, "find", "", "follow the goal with this id instead of starting one")
	uncheckedFlag(cmd, &unchecked)
	return a.tabular(cmd)
}

// A goalRun is a goal that a command starts, or finds, and follows to its end.
type goalRun struct {
	*app
	target
	js        []byte
	find      bool
	unchecked bool
	timeout   time.Duration
	grace     time.Duration // for the handler of a goal that is cancelled

	id    goal.ID
	types goal.Types
	state string // the last that is known
	ended bool   // the row of its end is printed
}

func (g *goalRun) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	self, err := g.joinExisting()
	if err != nil {
		return err
	}
	defer self.Close()
	if err := g.target.find(ctx, g.app, self); err != nil {
		return err
	}
	types, ok := goal.TypesOf(g.Description)
	if !ok {
		return fmt.Errorf("%q takes no goals; use 'shmmon call'", g.name)
	}
	g.types = types
	if err := g.checkFieldsOf(cmd, types.Feedback, types.Result); err != nil {
		return err
	}
	within := acceptTimeout
	if g.timeout > 0 {
		within = min(within, g.timeout)
	}
	accept, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	client, h, err := g.begin(ctx, accept, self)
	if client != nil {
		defer client.Close()
	}
	if err != nil {
		return err
	}
	g.state = h.State().String()
	if !g.find && !g.JSON && !g.forms.csv && len(g.fields) == 0 {
		if err := g.line(goal.Accepted.String(), g.id.String()); err != nil {
			return err
		}
	}
	defer g.Streaming(ctx)()
	limit, cancelLimit := limited(ctx, g.timeout)
	defer cancelLimit()
	return g.follow(ctx, limit, h)
}

// begin starts or finds the goal. The caller closes the client, if there is one.
func (g *goalRun) begin(ctx, accept context.Context, self *topic.Participant) (*goal.Client[[]byte, []byte, []byte], *goal.Handle[[]byte, []byte], error) {
	var value []byte
	if !g.find {
		var err error
		if value, err = g.encode(ctx, g.app, g.types.Goal, g.js, g.unchecked); err != nil {
			return nil, nil, err
		}
	}
	client, err := goal.NewClient(accept, self, g.name, &goal.ClientOptions[[]byte, []byte, []byte]{
		GoalCodec: serde.Opaque(g.types.Goal), FeedbackCodec: serde.Opaque(g.types.Feedback), ResultCodec: serde.Opaque(g.types.Result),
	})
	if err != nil {
		return nil, nil, connecting(ctx, g.name, err)
	}
	if g.find {
		h, err := client.Find(accept, g.id)
		switch {
		case errors.Is(err, goal.ErrUnknown):
			err = fmt.Errorf("find goal %v of %q: %w: it never had it, or the result was taken or is too old", g.id, g.name, err)
		case err != nil:
			err = interrupted(ctx, err)
		}
		return client, h, err
	}
	g.id = goal.NewID()
	h, err := client.StartWithID(accept, g.id, value)
	switch {
	case errors.As(err, new(*goal.RejectedError)):
		g.state = stateRejected
	case err != nil:
		err = interrupted(ctx, err)
	}
	return client, h, err
}

func (g *goalRun) line(state, value string) error {
	_, err := fmt.Fprintf(g.Stdout, "%-9s  %s\n", state, value)
	return err
}

func (g *goalRun) show(r goalReport) error {
	r.Service, r.Goal = g.name, g.id.String()
	return g.row(r, func(io.Writer) error { return g.line(r.State, r.String()) })
}

// follow prints the feedback of the goal and its end. When limit ends it cancels a goal that it started.
func (g *goalRun) follow(ctx, limit context.Context, h *goal.Handle[[]byte, []byte]) error {
	var incomplete error
	for feedback, err := range h.Feedback(limit) {
		if err != nil {
			break // the result says why, or limit has ended
		}
		r := goalReport{State: goal.Running.String(), valueReport: g.reportValue(g.types.Feedback, feedback)}
		if err := g.show(r); err != nil {
			return err
		}
		if incomplete == nil {
			incomplete = r.undecoded("a value")
		}
	}
	result, err := g.end(ctx, limit, h)
	state := h.State()
	if g.state = state.String(); !state.Ended() {
		return err
	}
	r := goalReport{State: g.state, valueReport: valueReport{Type: g.types.Result.Name, Encoding: g.types.Result.Encoding}}
	if len(result) > 0 {
		r.valueReport = g.reportValue(g.types.Result, result)
	}
	if err != nil {
		r.Failure = reportFailure(err, g.only)
	}
	if g.ended = true; incomplete == nil {
		incomplete = r.undecoded("a value")
	}
	if shown := g.show(r); err == nil {
		err = shown
	}
	switch {
	case err != nil:
		return err
	case incomplete != nil:
		return incomplete
	}
	return g.lacking("row")
}

// end waits for the end of the goal. If limit ends before, it cancels the goal, or leaves one that it has found.
func (g *goalRun) end(ctx, limit context.Context, h *goal.Handle[[]byte, []byte]) ([]byte, error) {
	result, err := h.Result(limit)
	if limit.Err() == nil {
		return result, err
	}
	unlimited := context.WithoutCancel(ctx)
	if h.State().Ended() {
		return h.Result(unlimited)
	}
	why := error(&overError{})
	if ctx.Err() != nil {
		why = cli.ErrInterrupted
	}
	if g.find {
		return nil, fmt.Errorf("%w: goal %v of %q goes on, unless this was its only client", why, g.id, g.name)
	}
	grace, cancel := context.WithTimeout(unlimited, g.grace)
	defer cancel()
	cancelled := h.Cancel(grace)
	result, err = h.Result(grace)
	switch {
	case err == nil:
		return result, nil
	case h.State().Ended() || grace.Err() == nil:
		return result, fmt.Errorf("%w: %w", why, err)
	}
	became := "a cancel was asked for and granted"
	if cancelled != nil {
		became = fmt.Sprintf("a cancel was asked for and not granted (%v)", cancelled)
	}
	return nil, fmt.Errorf("%w: goal %v of %q: %s, and it still runs after %v; look again with 'shmmon goal %s --find %v'", why, g.id, g.name, became, g.grace, g.name, g.id)
}

// An overError says that the time of --timeout is over.
type overError struct{}

func (*overError) Error() string { return "the timeout is over" }
func (*overError) Unwrap() error { return context.DeadlineExceeded }
