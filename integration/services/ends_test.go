//go:build linux

package services

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// Services of this package. Responses are the identity of the caller, as the server sees it.
const (
	unaryName  = "robot/identity"
	streamName = "robot/count"
)

type identity struct {
	UID, PID   int
	Executable string
	Proved     bool // Executable, by the kernel
}

// A runningServer is a process that serves both names until the test ends it.
type runningServer struct{}

func runServer(ctx context.Context, parent *subproc.Parent, _ runningServer) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	unary, err := service.NewServer(ctx, p, unaryName, identify, nil)
	if err != nil {
		return errors.Join(err, p.Close())
	}
	stream, err := service.NewStreamServer(ctx, p, streamName, func(ctx context.Context, call *service.Call[int, int]) error {
		for i := range call.Request() {
			if err := call.Send(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	if err != nil {
		return errors.Join(err, unary.Close(), p.Close())
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return errors.Join(unary.Close(), stream.Close(), p.Close())
}

// A runningClient is a process that calls, and opens streams that it does not read, without an end.
type runningClient struct{}

func runClient(ctx context.Context, parent *subproc.Parent, _ runningClient) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	unary, err := service.NewClient[int, identity](ctx, p, unaryName, nil)
	if err != nil {
		return err
	}
	streams, err := service.NewClient[int, int](ctx, p, streamName, nil)
	if err != nil {
		return err
	}
	for range 8 {
		go func() {
			for range streams.Stream(ctx, 1<<30) {
				<-ctx.Done() // after the first response
			}
		}()
	}
	for range 4 {
		go func() {
			for ctx.Err() == nil {
				unary.Call(ctx, 1) // the process may be stopped at any time
			}
		}()
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return errors.Join(unary.Close(), streams.Close(), p.Close())
}

// attemptCall calls the server once and replies with the result.
type attempt struct {
	Error    string
	Response identity
}

type callAttempt struct{}

func attemptCall(ctx context.Context, parent *subproc.Parent, _ callAttempt) error {
	limited, cancel := context.WithTimeout(ctx, harness.WaitLimit)
	defer cancel()
	var a attempt
	p, err := topic.Join(nil)
	if err == nil {
		a.Response, err = callOnce(limited, p)
		err = errors.Join(err, p.Close())
	}
	if err != nil {
		a.Error = err.Error()
	}
	return parent.Reply(a)
}

func callOnce(ctx context.Context, p *topic.Participant) (identity, error) {
	client, err := service.NewClient[int, identity](ctx, p, unaryName, nil)
	if err != nil {
		return identity{}, err
	}
	defer client.Close()
	got, err := client.Call(ctx, os.Getpid())
	if err == nil && got.PID != os.Getpid() {
		return got, fmt.Errorf("the server sees pid %d, this is %d", got.PID, os.Getpid())
	}
	return got, err
}

// attemptServe makes a server and replies with the result.
type serveAttempt struct{}

func attemptServe(ctx context.Context, parent *subproc.Parent, _ serveAttempt) error {
	var a attempt
	p, err := topic.Join(nil)
	if err == nil {
		var s *service.Server[int, identity]
		s, err = service.NewServer(ctx, p, unaryName, identify, nil)
		if err == nil {
			err = s.Close()
		}
		err = errors.Join(err, p.Close())
	}
	if err != nil {
		a.Error = err.Error()
	}
	return parent.Reply(a)
}

func identify(_ context.Context, call *service.Call[int, identity]) (identity, error) {
	c := call.Caller()
	return identity{c.UID, c.PID, c.Executable, c.ExecutableProved}, nil
}
