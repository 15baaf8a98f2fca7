package goal_test

import (
	"context"
	"errors"
	"testing"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
)

func TestCancel_Running(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	h := start(t, c, "")
	s.await(t, h.ID())
	if err := h.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := h.State(); state.Ended() { // granted is not done
		t.Fatal(state)
	}
	if cause := <-s.untilCancelled("half way"); cause != goal.ErrCancelRequested {
		t.Fatal(cause)
	}
	wantEnd(t, h, goal.Cancelled, "half way", goal.ErrCancelled)
}

func TestCancel_AnotherEnd(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	for _, test := range []struct {
		err   error
		state goal.State
	}{{nil, goal.Succeeded}, {errors.New("broken"), goal.Failed}, {goal.ErrCancelRequested, goal.Cancelled}} {
		h := start(t, c, "")
		s.await(t, h.ID())
		if err := h.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.end("", test.err)
		if _, err := h.Result(t.Context()); h.State() != test.state || (err == nil) != (test.err == nil) {
			t.Errorf("%v: %v, %v", test.err, h.State(), err)
		}
	}
}

func TestCancel_WhileItWaits(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	first, second, third := start(t, c, "1"), start(t, c, "2"), start(t, c, "3")
	s.await(t, first.ID())
	if err := second.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, second, goal.Cancelled, "", goal.ErrCancelled)
	s.end("", nil)
	s.await(t, third.ID()) // not the second
	s.end("", nil)
	wantEnd(t, third, goal.Succeeded, "", nil)
}

func TestCancel_Refused(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, &options{AllowCancel: func(_ context.Context, g running) error {
		if g.Value() == "weld" {
			return &service.HandlerError{Code: 4, Text: "not while it welds"}
		}
		return nil
	}})
	c := connect(t, dir)
	h := start(t, c, "weld")
	g := s.await(t, h.ID())
	var refused *goal.CancelRefusedError
	if err := h.Cancel(t.Context()); !errors.As(err, &refused) || refused.Reason.Code != 4 {
		t.Fatal(err)
	}
	s.steps <- func(ctx context.Context, _ running) (string, error) { return "welded", ctx.Err() }
	<-h.Done()
	if err := h.Cancel(t.Context()); !errors.As(err, &refused) {
		t.Fatalf("cancel of one that has ended: %v", err)
	}
	wantEnd(t, h, goal.Succeeded, "welded", nil)
	if err := g.Feedback(1); !errors.Is(err, goal.ErrEnded) {
		t.Fatalf("feedback after the end: %v", err)
	}
	s.end("", nil)
	other := start(t, c, "")
	wantEnd(t, other, goal.Succeeded, "", nil)
	for { // the server forgets a result after it was taken
		err := h.Cancel(t.Context())
		if errors.Is(err, goal.ErrUnknown) {
			return
		}
		if !errors.As(err, &refused) {
			t.Fatal(err)
		}
	}
}

// A client with as many goals as it may have can cancel each.
func TestCancel_AsManyAsAllowed(t *testing.T) {
	const goals = 20
	dir := t.TempDir()
	_, s := serve(t, dir, &options{Concurrency: goals, MaxGoals: goals})
	c, err := goal.NewClient[string, int, string](t.Context(), join(t, dir), "arm/move", &goal.ClientOptions[string, int, string]{MaxGoals: goals})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var handles []handle
	for range goals {
		handles = append(handles, start(t, c, ""))
		s.untilCancelled("")
	}
	if _, err := c.Start(t.Context(), ""); !errors.Is(err, goal.ErrBusy) {
		t.Fatal(err)
	}
	results := make(chan error)
	for _, h := range handles {
		go func() { results <- h.Cancel(t.Context()) }()
	}
	for range goals {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	for _, h := range handles {
		wantEnd(t, h, goal.Cancelled, "", goal.ErrCancelled)
	}
}

func TestPreempt(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, &options{Preempt: true})
	c := connect(t, dir)
	first := start(t, c, "1")
	s.await(t, first.ID())
	second := start(t, c, "2")
	third := start(t, c, "3")
	wantEnd(t, second, goal.Cancelled, "", goal.ErrCancelled)
	if cause := <-s.untilCancelled("stopped"); cause != goal.ErrPreempted {
		t.Fatal(cause)
	}
	wantEnd(t, first, goal.Cancelled, "stopped", goal.ErrCancelled)
	for _, h := range []handle{first, second} {
		if _, err := h.Result(t.Context()); !errors.Is(err, goal.ErrPreempted) || errors.Is(err, goal.ErrCancelRequested) {
			t.Errorf("the cause at the client: %v", err)
		}
	}
	s.await(t, third.ID())
	s.end("there", nil)
	wantEnd(t, third, goal.Succeeded, "there", nil)
}

// A goal whose client gives up while Admit decides is not accepted.
func TestStart_GivenUp(t *testing.T) {
	dir := t.TempDir()
	asked, decided := make(chan bool), make(chan bool)
	_, s := serve(t, dir, &options{OutliveClients: true, Admit: func(ctx context.Context, g running) error {
		if g.Value() == "1" {
			asked <- true
			<-ctx.Done()
			close(decided)
		}
		return nil
	}})
	c := connect(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := c.Start(ctx, "1")
		result <- err
	}()
	<-asked
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	<-decided
	h := start(t, c, "2")
	s.await(t, h.ID()) // not the first
	s.end("", nil)
	wantEnd(t, h, goal.Succeeded, "", nil)
}
