//go:build linux

package services

import (
	"context"
	"errors"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

func join(t testing.TB, dir string) *topic.Participant {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), harness.WaitLimit)
	t.Cleanup(cancel)
	return ctx
}

// A client process that is stopped, with calls open and streams unread, costs other clients nothing. When it continues, it is served.
func TestStopped_Client(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, runningServer{}).Ready()
	stopped := harness.Start(t, dir, runningClient{}).Ready()
	stopped.Suspend()
	ctx := limited(t)
	p := join(t, dir)
	unary, err := service.NewClient[int, identity](ctx, p, unaryName, nil)
	if err != nil {
		t.Fatal(err)
	}
	streams, err := service.NewClient[int, int](ctx, p, streamName, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := unary.Call(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		for _, err := range streams.Stream(ctx, 100) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	stopped.Resume()
	stopped.Finish()
	if err := errors.Join(unary.Close(), streams.Close()); err != nil {
		t.Error(err)
	}
	server.Finish()
}

// A server whose process is stopped keeps its name: another one is told that process.
func TestStopped_ServerKeepsItsName(t *testing.T) {
	dir := harness.NewDomain(t)
	first := harness.Start(t, dir, runningServer{}).Ready()
	first.Suspend()
	_, err := service.NewServer(limited(t), join(t, dir), unaryName, identify, nil)
	var exists *service.ServerExistsError
	if !errors.As(err, &exists) || exists.Server.PID != first.PID() {
		t.Errorf("a second server beside a stopped one: %v", err)
	}
	first.Resume()
	first.Finish()
}
