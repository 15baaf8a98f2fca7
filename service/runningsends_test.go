package service

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// The handler of a request without a response goes on when its client has left, and ends when the server closes.
func TestClose_EndsWhatClientsThatLeftSent(t *testing.T) {
	robot, err := topic.Join(&topic.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer robot.Close()
	began, ended := make(chan struct{}), make(chan error, 1)
	server, err := NewServer(t.Context(), robot, "horn", func(ctx context.Context, _ *Call[int, int]) (int, error) {
		close(began)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return 0, ctx.Err()
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient[int, int](t.Context(), robot, "horn", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Send(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	for forgotten := false; !forgotten; time.Sleep(time.Millisecond) {
		server.mu.Lock()
		forgotten = len(server.clients) == 0
		server.mu.Unlock()
	}
	if len(ended) > 0 {
		t.Fatalf("it ended with its client: %v", <-ended)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, ErrServerClosed) {
		t.Errorf("it ended with %v", err)
	}
}

// The handler of a call whose response Commit has sent goes on when its client has left, and ends when the server closes.
func TestClose_EndsHandlersWithACommittedResponse(t *testing.T) {
	dir := t.TempDir()
	ended := make(chan error, 1)
	server, err := NewServer(t.Context(), participant(t, dir), "commit", func(ctx context.Context, call *Call[int, []byte]) ([]byte, error) {
		l, err := call.Loan(ctx, 1)
		if err != nil {
			return nil, err
		}
		if err := call.Commit(ctx, l, 1); err != nil || call.Request() == 0 {
			return nil, err
		}
		select {
		case <-ctx.Done():
			ended <- context.Cause(ctx)
		case <-t.Context().Done(): // the test has failed
		}
		return nil, ctx.Err()
	}, &ServerOptions[int, []byte]{Concurrency: 2, MaxCalls: 1})
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient[int, []byte](t.Context(), participant(t, dir), "commit", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []int{1, 0, 0} { // of one slot
		if _, err := client.Call(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the client", func() bool {
		server.mu.Lock()
		defer server.mu.Unlock()
		return len(server.clients) == 0
	})
	if len(ended) > 0 {
		t.Fatalf("it ended with its client: %v", <-ended)
	}
	closed := make(chan error, 1)
	go func() { closed <- server.Close() }()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrServerClosed) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Close does not end its context")
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if len(server.sends.calls) > 0 {
		t.Errorf("%d calls are left", len(server.sends.calls))
	}
}

// A call whose response could not be committed is as before: its cancel reaches the handler.
func TestCommit_ThatFailed_LeavesTheCall(t *testing.T) {
	dir := t.TempDir()
	waits, ended := make(chan error, 1), make(chan error, 1)
	server, err := NewServer(t.Context(), participant(t, dir), "commit", func(ctx context.Context, call *Call[int, []byte]) ([]byte, error) {
		l, err := call.Loan(ctx, 1)
		if err != nil {
			return nil, err
		}
		l.Discard()
		waits <- call.Commit(ctx, l, 1)
		select {
		case <-ctx.Done():
			ended <- context.Cause(ctx)
		case <-t.Context().Done(): // the test has failed
		}
		return nil, ctx.Err()
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	client, err := NewClient[int, []byte](t.Context(), participant(t, dir), "commit", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := client.Call(ctx, 1)
		result <- err
	}()
	if err := <-waits; !errors.Is(err, topic.ErrLoanEnded) {
		t.Errorf("a loan that had ended was committed: %v", err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, ErrCallCancelled) {
			t.Errorf("the handler ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the cancel does not reach the handler")
	}
}
