package service_test

import (
	"context"
	"testing"

	"github.com/shmbus/shmbus/service"
)

// Requests without a response reach the handlers of both kinds of servers, more of them than a client may have calls.
func TestSend(t *testing.T) {
	const requests = 100
	dir := t.TempDir()
	ctx := t.Context()
	got := make(chan int, 2*requests)
	unary, err := service.NewServer(ctx, join(t, dir), "unary", func(_ context.Context, call *service.Call[int, int]) (int, error) {
		got <- call.Request()
		return 0, nil
	}, &service.ServerOptions[int, int]{Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer unary.Close()
	stream, err := service.NewStreamServer(ctx, join(t, dir), "stream", func(ctx context.Context, call *service.Call[int, int]) error {
		got <- call.Request()
		return call.Send(ctx, 1)
	}, &service.ServerOptions[int, int]{Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for _, name := range []string{"unary", "stream"} {
		client, err := service.NewClient[int, int](ctx, join(t, dir), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for i := range requests {
			if err := client.Send(ctx, i); err != nil {
				t.Fatal(name, i, err)
			}
			if v := <-got; v != i {
				t.Fatalf("%s: request %d arrived as %d", name, i, v)
			}
		}
	}
}

// The context of the handler of a request without a response ends with the server, and with the client.
func TestSend_TheEndOfItsHandler(t *testing.T) {
	for _, want := range []error{service.ErrServerClosed, service.ErrClientGone} {
		dir := t.TempDir()
		began, cause := make(chan bool), make(chan error, 1)
		server, err := service.NewServer(t.Context(), join(t, dir), "wait", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
			began <- true
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return 0, nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		client, err := service.NewClient[int, int](t.Context(), join(t, dir), "wait", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.Send(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		<-began
		if want == service.ErrServerClosed {
			server.Close()
		} else {
			client.Close()
		}
		if got := <-cause; got != want {
			t.Errorf("the cause is %v, want %v", got, want)
		}
	}
}
