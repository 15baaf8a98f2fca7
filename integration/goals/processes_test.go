//go:build linux

package goals

import (
	"context"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

const name = "arm/move"

// Values of goals say what their server does with them.
const (
	askForever  = "ask"  // Admit does not decide
	runForever  = "run"  // until it is cancelled
	ignoreAll   = "hold" // until its process ends, also after a cancel
	succeedSoon = "succeed"
)

// serveGoals is the request of a process that serves goals. It reports what it sees as a step.
type serving struct{ OutliveClients bool }

// A step is what a process has come to.
type step struct {
	What  string
	Value string
	Cause string
}

func serveGoals(ctx context.Context, parent *subproc.Parent, o serving) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	handler := func(ctx context.Context, g *goal.Goal[string, int]) (string, error) {
		parent.Reply(step{What: "running", Value: g.Value()})
		if g.Value() == succeedSoon {
			return "done", nil
		}
		<-ctx.Done()
		parent.Reply(step{What: "cancelled", Value: g.Value(), Cause: context.Cause(ctx).Error()})
		if g.Value() == ignoreAll {
			select {}
		}
		return "stopped", ctx.Err()
	}
	server, err := goal.NewServer(ctx, p, name, handler, &goal.ServerOptions[string, int, string]{
		OutliveClients: o.OutliveClients,
		Admit: func(ctx context.Context, g *goal.Goal[string, int]) error {
			if g.Value() == askForever {
				parent.Reply(step{What: "asked", Value: g.Value()})
				<-ctx.Done()
				parent.Reply(step{What: "given up", Value: g.Value(), Cause: context.Cause(ctx).Error()})
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return server.Close()
}

// A starting is the request of a process that starts goals of these values, and reports "accepted" of each. It asks to cancel the last
// one with Cancel, and reports "granted". With Await it waits for the result of the last one, and reports "ended" with the result and the
// error.
type starting struct {
	Values []string
	IDs    []goal.ID
	Cancel bool
	Await  bool
}

func startGoal(ctx context.Context, parent *subproc.Parent, o starting) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	c, err := goal.NewClient[string, int, string](ctx, p, name, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	for i, v := range o.Values {
		h, err := c.StartWithID(ctx, o.IDs[i], v)
		if err != nil {
			return err
		}
		if v == succeedSoon { // the result is here, and not taken
			<-h.Done()
		}
		parent.Reply(step{What: "accepted", Value: v})
		if o.Cancel && i == len(o.Values)-1 {
			if err := h.Cancel(ctx); err != nil {
				return err
			}
			parent.Reply(step{What: "granted", Value: v})
		}
		if o.Await && i == len(o.Values)-1 {
			result, err := h.Result(ctx)
			if err != nil {
				result += ", " + err.Error()
			}
			parent.Reply(step{What: "ended", Value: v, Cause: result})
		}
	}
	<-ctx.Done()
	return nil
}

// want waits for a step of a process.
func want(t *testing.T, c *harness.Child, what, value string) (s step) {
	t.Helper()
	c.Expect(&s)
	if s.What != what || s.Value != value {
		t.Fatalf("the process has %+v, want %s of %s", s, what, value)
	}
	return s
}

func client(t *testing.T, dir string) *goal.Client[string, int, string] {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	c, err := goal.NewClient[string, int, string](t.Context(), p, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
