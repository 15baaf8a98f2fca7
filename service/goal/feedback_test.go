package goal_test

import (
	"context"
	"errors"
	"testing"

	"github.com/shmbus/shmbus/service/goal"
)

// A handler never waits for a client that takes no feedback, and the client then gets the newest.
func TestFeedback_Newest(t *testing.T) {
	const reports = 10_000
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	h := start(t, c, "")
	g := s.await(t, h.ID())
	for i := range reports {
		if err := g.Feedback(i + 1); err != nil {
			t.Fatal(err)
		}
	}
	s.end("there", nil)
	wantEnd(t, h, goal.Succeeded, "there", nil)
	for range 2 { // each loop for itself
		var got []int
		for v, err := range h.Feedback(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v)
		}
		if len(got) != 1 || got[0] != reports {
			t.Fatalf("feedback %v, want the newest of %d", got, reports)
		}
	}
}

// A loop that keeps up sees feedback in order.
func TestFeedback_InOrder(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	h := start(t, c, "")
	seen := make(chan int)
	s.steps <- func(_ context.Context, g running) (string, error) {
		for i := range 100 {
			if err := g.Feedback(i); err != nil {
				return "", err
			}
			if got := <-seen; got != i {
				t.Errorf("feedback %d arrived as %d", i, got)
			}
		}
		return "", nil
	}
	for v, err := range h.Feedback(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		seen <- v
	}
	wantEnd(t, h, goal.Succeeded, "", nil)
}

func TestFeedback_EndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	h := start(t, c, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range h.Feedback(ctx) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Fatal(last)
	}
	if _, err := h.Result(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.end("", nil)
	wantEnd(t, h, goal.Succeeded, "", nil)
}

func TestMaxPayload(t *testing.T) {
	const limit = 1000
	dir := t.TempDir()
	feedback := make(chan error)
	server, err := goal.NewServer(t.Context(), join(t, dir), "big", func(_ context.Context, g *goal.Goal[int, []byte]) ([]byte, error) {
		feedback <- g.Feedback(make([]byte, g.Value()))
		return make([]byte, g.Value()), nil
	}, &goal.ServerOptions[int, []byte, []byte]{MaxPayload: limit})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := goal.NewClient[int, []byte, []byte](t.Context(), join(t, dir), "big", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const headers = 32 + 16
	for size, fits := range map[int]bool{limit - headers: true, limit - headers + 1: false} {
		h, err := c.Start(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		if err := <-feedback; errors.Is(err, goal.ErrTooLarge) == fits {
			t.Errorf("feedback of %d bytes: %v", size, err)
		}
		v, err := h.Result(t.Context())
		if (h.State() == goal.Succeeded) != fits || fits && len(v) != size || !fits && err == nil {
			t.Errorf("a result of %d bytes arrived as %d, %v, %v", size, len(v), h.State(), err)
		}
	}
}
