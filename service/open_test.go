package service_test

import (
	"context"
	"iter"
	"testing"

	"github.com/shmbus/shmbus/service"
)

// A client has as many streams open as both sides allow.
func TestStream_AsManyAsAllowed(t *testing.T) {
	const streams = 480
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server, err := service.NewStreamServer(ctx, join(t, dir), "count", func(ctx context.Context, call *service.Call[int, int]) error {
		if err := call.Send(ctx, call.Request()); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}, &service.ServerOptions[int, int]{Concurrency: streams + 1, MaxCalls: streams})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := service.NewClient[int, int](ctx, join(t, dir), "count", &service.ClientOptions[int, int]{MaxCalls: streams})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i := range streams {
		next, stop := iter.Pull2(client.Stream(ctx, i))
		defer stop()
		if v, err, ok := next(); !ok || err != nil || v != i {
			t.Fatalf("stream %d: %d, %v, %v", i, v, err, ok)
		}
	}
}
