package goal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A goal is one call, from its acceptance to its end. What follows it, cancels it or takes its result is none.
func TestFigures(t *testing.T) {
	dir := t.TempDir()
	_, script := serve(t, dir, &options{MaxGoals: 2})
	t.Cleanup(func() { // so that the server can close, wherever the test ends
		for range 3 {
			script.end("", nil)
		}
	})
	figures, err := topic.NewSubscriber(t.Context(), join(t, dir), service.Prefix+"arm/move/figures", &topic.SubscriberOptions[service.Figures]{Codec: service.FiguresCodec()})
	if err != nil {
		t.Fatal(err)
	}
	want := func(calls, failed, unanswered, took uint64) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var f service.Figures
		for {
			s, err := figures.Receive(ctx)
			if err != nil {
				t.Fatalf("%+v: %v", f, err)
			}
			f, err = s.Value()
			s.Release()
			if err != nil {
				t.Fatal(err)
			}
			var all uint64
			for _, n := range f.Took {
				all += n
			}
			if f.Calls > calls || f.Failed > failed || all > took {
				t.Fatalf("%+v", f)
			}
			if f.Calls == calls && f.Failed == failed && f.Unanswered == unanswered && all == took && f.Clients == 2 {
				return
			}
		}
	}
	c, other := connect(t, dir), connect(t, dir)
	good, bad := start(t, c, "good"), start(t, c, "bad")
	script.await(t, good.ID())
	want(0, 0, 2, 0)
	if _, err := c.Start(t.Context(), "third"); !errors.As(err, new(*goal.RejectedError)) {
		t.Errorf("a third goal: %v", err)
	}
	if _, err := other.Find(t.Context(), good.ID()); err != nil {
		t.Fatal(err)
	}
	want(1, 1, 2, 0)
	script.end("", nil)
	wantEnd(t, good, goal.Succeeded, "", nil)
	script.await(t, bad.ID())
	want(2, 1, 1, 1)
	script.end("", errors.New("broken"))
	if _, err := bad.Result(t.Context()); bad.State() != goal.Failed {
		t.Fatal(err)
	}
	gone := start(t, c, "gone")
	script.await(t, gone.ID())
	script.untilCancelled("")
	if err := gone.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, gone, goal.Cancelled, "", goal.ErrCancelled)
	want(4, 2, 0, 3)
}
