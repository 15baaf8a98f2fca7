package service

import (
	"context"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// TestWorkers_SlowModeEnds makes one long call, and then short ones until the server runs them without another goroutine.
func TestWorkers_SlowModeEnds(t *testing.T) {
	p, err := topic.Join(&topic.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx := t.Context()
	wait := func(_ context.Context, call *Call[int, int]) (int, error) {
		time.Sleep(time.Duration(call.Request()))
		return 0, nil
	}
	server, err := NewServer(ctx, p, "wait", wait, &ServerOptions[int, int]{Concurrency: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := NewClient[int, int](ctx, p, "wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Call(ctx, int(20*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if !server.work.slow.Load() {
		t.Fatal("a long handler was not noticed")
	}
	const most = 20_000 // a busy machine interrupts short handlers
	for range most {
		if _, err := client.Call(ctx, 0); err != nil {
			t.Fatal(err)
		}
		if !server.work.slow.Load() {
			return
		}
	}
	t.Errorf("the server is in its slow mode after %d short calls", most)
}
