package service_test

import (
	"context"
	"errors"
	"testing"

	"github.com/shmbus/shmbus/service"
)

// The cause of the end of a handler's context says what happened, also through a context that the handler has made.
func TestCauseOfTheEndOfAHandler(t *testing.T) {
	for name, test := range map[string]struct {
		want error
		end  func(server *service.Server[int, int], client *service.Client[int, int], cancel context.CancelFunc)
	}{
		"the client cancels": {service.ErrCallCancelled, func(_ *service.Server[int, int], _ *service.Client[int, int], cancel context.CancelFunc) { cancel() }},
		"the client closes": {service.ErrClientGone, func(_ *service.Server[int, int], client *service.Client[int, int], _ context.CancelFunc) {
			client.Close()
		}},
		"the server closes": {service.ErrServerClosed, func(server *service.Server[int, int], _ *service.Client[int, int], _ context.CancelFunc) {
			server.Close()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			began, causes := make(chan bool), make(chan error, 2)
			server, err := service.NewServer(t.Context(), join(t, dir), "wait", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
				own, cancel := context.WithCancel(ctx)
				defer cancel()
				began <- true
				<-own.Done()
				causes <- context.Cause(ctx)
				causes <- context.Cause(own)
				return 0, ctx.Err()
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
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go client.Call(ctx, 1)
			<-began
			test.end(server, client, cancel)
			for range 2 {
				if cause := <-causes; !errors.Is(cause, test.want) {
					t.Errorf("the cause is %v, want %v", cause, test.want)
				}
			}
		})
	}
}
