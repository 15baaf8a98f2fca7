package goal_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
)

// connectRaw makes a client that sends requests as the test has them.
func connectRaw(t *testing.T, dir string) *service.Client[[]byte, []byte] {
	t.Helper()
	text, number := serde.Default[string]().Type(), serde.Default[int]().Type()
	c, err := service.NewClient(t.Context(), join(t, dir), "arm/move", &service.ClientOptions[[]byte, []byte]{
		RequestCodec: serde.Opaque(goal.RequestType(text)), ResponseCodec: serde.Opaque(goal.UpdateType(number, text)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// follow follows a goal as a program of its own could, which takes an update at a time. It returns why the updates ended.
func follow(ctx context.Context, t *testing.T, dir string, id goal.ID, take func()) error {
	t.Helper()
	c := connectRaw(t, dir)
	defer c.Close()
	request, err := goal.Request{ID: id, Operation: "follow"}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range c.Stream(ctx, request) {
		take()
	}
	return err
}

// A client that takes no updates stalls neither the handler nor another client nor another goal. After SendTimeout the server does without
// it, and the goal goes on for the other client.
func TestSlowClient_StallsNothing(t *testing.T) {
	const timeout = time.Second // the others must never be so slow
	dir := t.TempDir()
	_, s := serve(t, dir, &options{Concurrency: 2, SendTimeout: timeout})
	c := connect(t, dir)
	h := start(t, c, "")
	s.await(t, h.ID())
	dropped := make(chan struct{})
	s.steps <- func(ctx context.Context, g running) (string, error) {
		for n := 1; ; n++ {
			if err := g.Feedback(n); err != nil {
				return "", err
			}
			select {
			case <-dropped:
				return "there", nil
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
	}
	slow := make(chan error, 1)
	go func() {
		var once sync.Once
		slow <- follow(t.Context(), t, dir, h.ID(), func() { once.Do(func() { time.Sleep(2 * timeout) }) })
		close(dropped)
	}()
	newest := 0
	for n, err := range h.Feedback(t.Context()) { // until the slow one is gone
		if err != nil || n <= newest {
			t.Fatal(n, newest, err)
		}
		newest = n
		if n%10 == 0 {
			other := start(t, c, "other")
			s.await(t, other.ID())
			s.end("done", nil)
			wantEnd(t, other, goal.Succeeded, "done", nil)
		}
	}
	if err := <-slow; !errors.Is(err, service.ErrClientSlow) {
		t.Error(err)
	}
	wantEnd(t, h, goal.Succeeded, "there", nil)
	if newest < service.Window {
		t.Errorf("feedback %d was the newest", newest)
	}
}

// A goal whose only client takes no updates is cancelled.
func TestSlowClient_TheOnlyOne(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, &options{SendTimeout: 500 * time.Millisecond})
	starter := connect(t, dir)
	h := start(t, starter, "")
	s.await(t, h.ID())
	following, left := make(chan struct{}), make(chan error, 1)
	s.steps <- func(ctx context.Context, g running) (string, error) {
		for n := 0; ctx.Err() == nil; n++ {
			if err := g.Feedback(n); err != nil {
				return "", err
			}
			time.Sleep(time.Millisecond)
		}
		left <- context.Cause(ctx)
		return "", ctx.Err()
	}
	first := true
	err := follow(t.Context(), t, dir, h.ID(), func() {
		if first {
			first = false
			close(following)
			if err := starter.Close(); err != nil {
				t.Error(err)
			}
			if cause := <-left; !errors.Is(cause, goal.ErrClientsGone) { // it is stuck here
				t.Error(cause)
			}
		}
	})
	<-following
	if !errors.Is(err, service.ErrClientSlow) {
		t.Error(err)
	}
}
