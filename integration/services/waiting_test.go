//go:build linux

package services

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A busyServer is a process with handlers that do not end, of which two run at once. It replies when a handler begins.
type busyServer struct{ Group bool }

// busyHandlers is the number of handlers of a busyServer.
const busyHandlers = 2

// A begun is the reply of a busyServer when a handler begins.
type begun struct{ Request int }

// awaitHandlers waits until all handlers of a busyServer run: it takes no request any more.
func awaitHandlers(server *harness.Child) {
	server.T.Helper()
	for range busyHandlers {
		server.Expect(new(begun))
	}
}

func runBusyServer(ctx context.Context, parent *subproc.Parent, o busyServer) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	server, err := service.NewServer(ctx, p, "busy", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
		if err := parent.Reply(begun{call.Request()}); err != nil {
			return 0, err
		}
		<-ctx.Done()
		return 0, ctx.Err()
	}, &service.ServerOptions[int, int]{Concurrency: busyHandlers, Group: o.Group})
	if err != nil {
		return err
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return errors.Join(server.Close(), p.Close())
}

// Requests that wait for a handler are not started when the server dies: each of the clients learns what holds for its request.
func TestWaitingRequests_AreNotStartedWhenTheServerDies(t *testing.T) {
	for name, group := range map[string]bool{"alone": false, "group": true} {
		t.Run(name, func(t *testing.T) {
			dir := harness.NewDomain(t)
			server := harness.Start(t, dir, busyServer{group}).Ready()
			const clients = 5
			errs := make([]error, clients)
			var calls sync.WaitGroup
			for i := range clients {
				client, err := service.NewClient[int, int](limited(t), join(t, dir), "busy", nil)
				if err != nil {
					t.Fatal(err)
				}
				calls.Go(func() { _, errs[i] = client.Call(limited(t), i) })
				time.Sleep(50 * time.Millisecond)
			}
			awaitHandlers(server)
			server.Kill()
			calls.Wait()
			unknown := 0
			for i, err := range errs {
				switch {
				case errors.Is(err, service.ErrOutcomeUnknown):
					unknown++
				case !errors.Is(err, service.ErrNotStarted):
					t.Errorf("call %d: %v", i, err)
				}
			}
			if unknown != busyHandlers {
				t.Errorf("of %d calls %d may have run, but %d handlers", clients, unknown, busyHandlers)
			}
		})
	}
}
