package service_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shmbus/shmbus/service"
)

// untold is a context with a deadline whose end its user does not notice, as if its process were stopped.
type untold struct {
	context.Context
	deadline time.Time
}

func (c untold) Deadline() (time.Time, bool) { return c.deadline, true }

// The deadline of a client reaches the handler, whose context ends then by itself: nothing depends on the client.
func TestCall_DeadlineEndsTheHandler(t *testing.T) {
	dir := t.TempDir()
	deadlines, causes := make(chan time.Time, 1), make(chan error, 1)
	serve(t, dir, "wait", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
		d, _ := call.Deadline()
		deadlines <- d
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return 0, ctx.Err()
	}, nil)
	client := connect[int, int](t, dir, "wait", nil)
	at := time.Now().Add(3 * time.Second) // the handler must have begun before
	_, err := client.Call(untold{context.Background(), at}, 1)
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, service.ErrNotStarted) {
		t.Fatalf("the call: %v", err)
	}
	if off := (<-deadlines).Sub(at).Abs(); off > 2*time.Second {
		t.Errorf("the handler has a deadline %v from that of the client", off)
	}
	if cause := <-causes; !errors.Is(cause, context.DeadlineExceeded) || time.Now().Before(at) {
		t.Errorf("the handler's context ended with %v", cause)
	}
}
