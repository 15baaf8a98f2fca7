package goal_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
)

func TestClientLeaves_TheGoalIsCancelled(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	h := start(t, c, "")
	s.await(t, h.ID())
	waiting := start(t, c, "may begin before the server has seen that its client has gone as well")
	c.Close()
	if cause := <-s.untilCancelled("stopped"); cause != goal.ErrClientsGone {
		t.Fatal(cause)
	}
	s.untilCancelled("")
	for _, h := range []handle{h, waiting} {
		if _, err := h.Result(t.Context()); !errors.Is(err, os.ErrClosed) {
			t.Fatal(err)
		}
	}
	again := connect(t, dir)
	for _, old := range []handle{h, waiting} {
		found, err := again.Find(t.Context(), old.ID())
		if err != nil {
			t.Fatal(err)
		}
		wantEnd(t, found, goal.Cancelled, map[handle]string{h: "stopped"}[old], goal.ErrCancelled)
	}
}

func TestClientLeaves_TheGoalRunsOn(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, &options{OutliveClients: true})
	first := connect(t, dir)
	id := goal.NewID()
	if _, err := first.StartWithID(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	g := s.await(t, id)
	if err := g.Feedback(1); err != nil {
		t.Fatal(err)
	}
	first.Close()
	found, err := connect(t, dir).Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for v, err := range found.Feedback(t.Context()) { // the newest, from before it was found
		if v != 1 || err != nil {
			t.Fatal(v, err)
		}
		s.end("there", nil)
	}
	wantEnd(t, found, goal.Succeeded, "there", nil)
}

func TestClientLeaves_AnotherFollows(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	first, second := connect(t, dir), connect(t, dir)
	h := start(t, first, "")
	s.await(t, h.ID())
	found, err := second.Find(t.Context(), h.ID())
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	s.end("there", nil)
	wantEnd(t, found, goal.Succeeded, "there", nil)
}

func TestResult_IsKept(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, &options{MaxResults: 2})
	c := connect(t, dir)
	var ids []goal.ID
	for i := range 3 {
		h := start(t, c, "")
		s.end([]string{"0", "1", "2"}[i], nil)
		<-h.Done()
		ids = append(ids, h.ID())
	}
	again := connect(t, dir)
	if _, err := again.Find(t.Context(), ids[0]); !errors.Is(err, goal.ErrUnknown) {
		t.Fatalf("beyond MaxResults: %v", err)
	}
	if _, err := again.Find(t.Context(), goal.NewID()); !errors.Is(err, goal.ErrUnknown) {
		t.Fatalf("a goal that never was: %v", err)
	}
	for i, id := range ids[1:] {
		found, err := again.Find(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		wantEnd(t, found, goal.Succeeded, []string{"1", "2"}[i], nil)
		for err == nil { // until the server knows that the result was taken
			_, err = again.Find(t.Context(), id)
		}
		if !errors.Is(err, goal.ErrUnknown) {
			t.Fatal(err)
		}
	}
}

func TestResult_IsKeptForItsTime(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, &options{KeepResult: 1})
	c := connect(t, dir)
	h := start(t, c, "")
	s.end("", nil)
	<-h.Done()
	err := error(nil)
	for err == nil {
		_, err = c.Find(t.Context(), h.ID())
	}
	if !errors.Is(err, goal.ErrUnknown) {
		t.Fatal(err)
	}
}

func TestServerCloses(t *testing.T) {
	dir := t.TempDir()
	server, s := serve(t, dir, nil)
	c := connect(t, dir)
	h := start(t, c, "")
	s.await(t, h.ID())
	waiting := start(t, c, "")
	cause := s.untilCancelled("stopped")
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-cause; got != goal.ErrServerClosed {
		t.Fatal(got)
	}
	wantEnd(t, h, goal.Cancelled, "stopped", goal.ErrCancelled)
	wantEnd(t, waiting, goal.Cancelled, "", goal.ErrCancelled)
	if _, err := c.Start(t.Context(), ""); !errors.Is(err, service.ErrNoServer) && !errors.Is(err, service.ErrNotStarted) {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWait(t *testing.T) {
	dir := t.TempDir()
	p := join(t, dir)
	c, err := goal.NewClient[string, int, string](t.Context(), p, "arm/move", &goal.ClientOptions[string, int, string]{Wait: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Start(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	result := make(chan error)
	go func() {
		h, err := c.Start(t.Context(), "")
		if err == nil {
			_, err = h.Result(t.Context())
		}
		result <- err
	}()
	_, s := serve(t, dir, nil)
	s.end("", nil)
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

// A request without a response starts, follows and cancels nothing: the server would not learn that its client leaves.
func TestRequestWithoutResponse_IsNoClientOfAGoal(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, &options{Concurrency: 2})
	c, raw := connect(t, dir), connectRaw(t, dir)
	h := start(t, c, "")
	s.await(t, h.ID())
	cause := s.untilCancelled("")
	s.untilCancelled("") // of what must not start
	value, err := serde.Default[string]().Encoder().Append(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	other := goal.NewID()
	for _, r := range []goal.Request{{ID: h.ID(), Operation: "cancel"}, {ID: h.ID(), Operation: "follow"}, {ID: other, Operation: "start", Value: value}} {
		request, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Send(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	request, err := goal.Request{ID: goal.NewID(), Operation: "follow"}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 { // meanwhile the others have mostly been taken
		for _, err := range raw.Stream(t.Context(), request) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(cause) > 0 {
		t.Fatalf("the goal was cancelled: %v", <-cause)
	}
	raw.Close()
	c.Close()
	select {
	case err := <-cause:
		if !errors.Is(err, goal.ErrClientsGone) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it goes on when its client has left")
	}
	if _, err := connect(t, dir).Find(t.Context(), other); !errors.Is(err, goal.ErrUnknown) {
		t.Errorf("a request without a response started a goal: %v", err)
	}
}
