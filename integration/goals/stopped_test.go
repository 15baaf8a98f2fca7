//go:build linux

package goals

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
)

// short bounds what must not end while the server is stopped.
func short(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

type handle = *goal.Handle[int, string]

// A stoppedAt is a state of a goal in which its server is stopped. reach returns the goal in that state, resumed what follows when the
// server continues. Meanwhile nothing of the goal changes, and whatever asks the server ends with its ctx.
type stoppedAt struct {
	state   goal.State
	reach   func(t *testing.T, server *harness.Child, c *goal.Client[string, int, string]) handle
	resumed func(t *testing.T, server *harness.Child, h handle)
}

func mustStart(t *testing.T, c *goal.Client[string, int, string], value string) handle {
	t.Helper()
	h, err := c.Start(t.Context(), value)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func runs(t *testing.T, server *harness.Child, c *goal.Client[string, int, string]) handle {
	t.Helper()
	h := mustStart(t, c, runForever)
	want(t, server, "running", runForever)
	return h
}

func cancels(t *testing.T, h handle) {
	t.Helper()
	if err := h.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func wantStopped(t *testing.T, h handle) {
	t.Helper()
	if v, err := h.Result(t.Context()); v != "stopped" || !errors.Is(err, goal.ErrCancelled) {
		t.Fatal(v, err)
	}
}

func serverStates() map[string]stoppedAt {
	cancelled := func(t *testing.T, server *harness.Child, h handle) {
		if want(t, server, "cancelled", runForever).Cause != goal.ErrCancelRequested.Error() {
			t.Error("cancelled for another reason")
		}
		wantStopped(t, h)
	}
	return map[string]stoppedAt{
		"running": {goal.Running, runs, func(t *testing.T, server *harness.Child, h handle) {
			cancels(t, h)
			cancelled(t, server, h)
		}},
		"waiting": {goal.Accepted, func(t *testing.T, server *harness.Child, c *goal.Client[string, int, string]) handle {
			runs(t, server, c)
			return mustStart(t, c, succeedSoon)
		}, func(t *testing.T, _ *harness.Child, h handle) {
			cancels(t, h) // it never runs
			if v, err := h.Result(t.Context()); v != "" || !errors.Is(err, goal.ErrCancelled) {
				t.Fatal(v, err)
			}
		}},
		"cancel granted, not done": {goal.Running, func(t *testing.T, server *harness.Child, c *goal.Client[string, int, string]) handle {
			h := mustStart(t, c, ignoreAll)
			want(t, server, "running", ignoreAll)
			cancels(t, h)
			want(t, server, "cancelled", ignoreAll)
			return h
		}, func(t *testing.T, server *harness.Child, h handle) {
			if h.State() != goal.Running {
				t.Error(h.State())
			}
			server.Kill() // its handler does not return
			if _, err := h.Result(t.Context()); !errors.Is(err, goal.ErrLost) {
				t.Error(err)
			}
		}},
		"ended": {goal.Succeeded, func(t *testing.T, server *harness.Child, c *goal.Client[string, int, string]) handle {
			h := mustStart(t, c, succeedSoon)
			want(t, server, "running", succeedSoon)
			<-h.Done()
			return h
		}, func(t *testing.T, _ *harness.Child, h handle) {
			if v, err := h.Result(t.Context()); v != "done" || err != nil {
				t.Error(v, err)
			}
		}},
	}
}

// While a server is stopped its goals are neither lost nor cancelled, and each call ends with its ctx. When the server continues, so do the
// goals.
func TestServerIsStopped(t *testing.T) {
	for name, at := range serverStates() {
		t.Run(name, func(t *testing.T) {
			dir := harness.NewDomain(t)
			server := harness.Start(t, dir, serving{OutliveClients: true}).Ready()
			c, late := client(t, dir), client(t, dir)
			h := at.reach(t, server, c)
			for ctx := t.Context(); h.State() != at.state && ctx.Err() == nil; {
				time.Sleep(time.Millisecond) // the update is on its way
			}
			server.Suspend()
			ended := at.state.Ended()
			if err := h.Cancel(short(t)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a cancel: %v", err)
			}
			if _, err := late.Find(short(t), h.ID()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "is stopped") {
				t.Errorf("another client: %v", err)
			}
			if _, err := c.Start(short(t), succeedSoon); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "is stopped") {
				t.Errorf("another goal: %v", err)
			}
			if _, err := h.Result(short(t)); !ended && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the result: %v", err)
			}
			if h.State() != at.state {
				t.Errorf("the goal is %v, was %v", h.State(), at.state)
			}
			server.Resume()
			at.resumed(t, server, h)
		})
	}
}

// A goal on which the server decides while it is stopped is given up when the server continues, if its client did so.
func TestServerIsStopped_WhileItDecides(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, serving{OutliveClients: true}).Ready()
	c := client(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error)
	go func() {
		_, err := c.Start(ctx, askForever)
		result <- err
	}()
	want(t, server, "asked", askForever)
	server.Suspend()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	server.Resume()
	if s := want(t, server, "given up", askForever); s.Cause != service.ErrCallCancelled.Error() {
		t.Error(s)
	}
	if v, err := mustStart(t, c, succeedSoon).Result(t.Context()); v != "done" || err != nil {
		t.Error(v, err)
	}
}

// A client that is stopped holds up no other one, and its goals stay its own. When it continues, it learns what became of them.
func TestClientIsStopped(t *testing.T) {
	for _, test := range []struct {
		name, value string
		cancel      bool
		result      string // that it learns in the end
	}{
		{"while its goal runs", runForever, false, "stopped, goal"},
		{"after a cancel was granted", runForever, true, "stopped, goal"},
		{"after the end", succeedSoon, false, "done"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := harness.NewDomain(t)
			server := harness.Start(t, dir, serving{}).Ready()
			id := ids(1)
			stopped := harness.Start(t, dir, starting{Values: []string{test.value}, IDs: id, Cancel: test.cancel, Await: true})
			want(t, stopped, "accepted", test.value)
			if test.cancel {
				want(t, stopped, "granted", test.value)
			}
			stopped.Suspend()
			c := client(t, dir)
			want(t, server, "running", test.value)
			if test.value == runForever {
				if !test.cancel {
					h, err := c.Find(t.Context(), id[0])
					if err != nil || h.State() != goal.Running {
						t.Fatal(h, err)
					}
					cancels(t, h)
					wantStopped(t, h)
				}
				want(t, server, "cancelled", test.value)
			}
			if v, err := mustStart(t, c, succeedSoon).Result(t.Context()); v != "done" || err != nil {
				t.Error(v, err)
			}
			stopped.Resume()
			if s := want(t, stopped, "ended", test.value); !strings.HasPrefix(s.Cause, test.result) {
				t.Errorf("it has %+v, want %s", s, test.result)
			}
			stopped.Finish()
		})
	}
}

// A client that is stopped while the server decides is waited for: the goal is its own.
func TestClientIsStopped_WhileTheServerDecides(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, serving{OutliveClients: true}).Ready()
	stopped := harness.Start(t, dir, starting{Values: []string{askForever}, IDs: ids(1)})
	want(t, server, "asked", askForever)
	stopped.Suspend()
	if v, err := mustStart(t, client(t, dir), succeedSoon).Result(t.Context()); v != "done" || err != nil {
		t.Error(v, err)
	}
	want(t, server, "running", succeedSoon)
	stopped.KillOnly() // a process that is stopped dies of it
	if s := want(t, server, "given up", askForever); s.Cause != service.ErrClientGone.Error() {
		t.Error(s)
	}
}
