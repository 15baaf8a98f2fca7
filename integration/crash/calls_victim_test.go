//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// Services of TestCallMatrix. Requests are unique numbers; the response to n is n + 1.
const (
	unaryService  = "robot/unary"
	streamService = "robot/stream"
)

// A callVictim is one end of services, which runs until its trigger fires or, without one, until the parent ends it.
type callVictim struct {
	Server  bool
	Trigger trigger
	Log     string // file to which a server's handlers append the numbers of the requests that they begin with
	Trace   string
}

func runCallVictim(ctx context.Context, parent *subproc.Parent, r callVictim) error {
	return countStepsOf(func(p *topic.Participant) error {
		if r.Server {
			return serveUntil(ctx, p, r.Log)
		}
		return callUntil(ctx, p)
	}, parent, r.Trigger, r.Trace)
}

// serveUntil serves until ctx ends. Of ten requests one waits until it is cancelled, for 20 ms at most.
func serveUntil(ctx context.Context, p *topic.Participant, log string) error {
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	begin := func(ctx context.Context, n int) {
		fmt.Fprintln(f, n)
		if n%10 == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	unary, err := service.NewServer(context.Background(), p, unaryService, func(ctx context.Context, c *service.Call[int, int]) (int, error) {
		begin(ctx, c.Request())
		return c.Request() + 1, nil
	}, nil)
	if err != nil {
		return err
	}
	stream, err := service.NewStreamServer(context.Background(), p, streamService, func(ctx context.Context, c *service.Call[int, int]) error {
		begin(ctx, c.Request())
		for i := range 20 {
			if err := c.Send(ctx, c.Request()+i); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return errors.Join(unary.Close(), stream.Close())
}

// callUntil makes calls of every kind until ctx ends. While its process is stopped and after that, calls may fail.
func callUntil(ctx context.Context, p *topic.Participant) error {
	unary, err := service.NewClient[int, int](context.Background(), p, unaryService, &service.ClientOptions[int, int]{Wait: true})
	if err != nil {
		return err
	}
	stream, err := service.NewClient[int, int](context.Background(), p, streamService, &service.ClientOptions[int, int]{Wait: true})
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	for n := 1; ctx.Err() == nil; n++ {
		if err := callOfEachKind(limited, unary, stream, n*10, nil); err != nil {
			return err
		}
	}
	return errors.Join(unary.Close(), stream.Close())
}

// callOfEachKind makes a call, one that is cancelled, one without a response, a stream, and one that is left early. The first has the
// number n, divisible by ten, and the next ones follow. report, if set, is told the result of each.
func callOfEachKind(ctx context.Context, unary, stream *service.Client[int, int], n int, report func(n int, err error)) error {
	if report == nil {
		report = func(int, error) {}
	}
	check := func(n, got int, err error) error {
		report(n, err)
		if err != nil || got == n+1 {
			return err
		}
		return fmt.Errorf("the response to %d is %d", n, got)
	}
	got, err := unary.Call(ctx, n+1)
	if err := check(n+1, got, err); err != nil {
		return err
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	got, err = unary.Call(short, n) // its handler waits
	cancel()
	if err = check(n, got, err); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if err := unary.Send(ctx, n+2); err != nil && !errors.Is(err, service.ErrBusy) {
		return err
	}
	want := n + 3
	for v, err := range stream.Stream(ctx, n+3) {
		if err != nil {
			report(n+3, err)
			return err
		}
		if v != want {
			return fmt.Errorf("stream of %d: %d instead of %d", n+3, v, want)
		}
		want++
	}
	if want != n+23 {
		return fmt.Errorf("stream of %d: it ended before %d", n+3, want)
	}
	report(n+3, nil)
	for _, err := range stream.Stream(ctx, n+4) {
		report(n+4, err)
		return err
	}
	return nil
}
