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
