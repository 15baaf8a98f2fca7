package service_test

import (
	"context"
	"testing"

	"github.com/shmbus/shmbus/service"
)

// What a client sends before it closes still comes to the server, in order.
func TestSend_BeforeClose(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	const sends = 30
	got := make(chan int, sends)
	begin := make(chan struct{})
	server, err := service.NewServer(ctx, join(t, dir), "horn", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
		<-begin
		got <- call.Request()
		return 0, ctx.Err()
	}, &service.ServerOptions[int, int]{Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := service.NewClient[int, int](ctx, join(t, dir), "horn", nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range sends {
		if err := client.Send(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	close(begin)
	for want := range sends {
		if n := <-got; n != want {
			t.Fatalf("request %d came as number %d", n, want)
		}
	}
}
