//go:build linux

package services

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/registry"
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

// short bounds a call that must not get a response.
func short(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// wantStopped wants the error of a call that ended with its ctx, and that tells the process that is stopped.
func wantStopped(t *testing.T, err error, server *harness.Child) {
	t.Helper()
	var of *service.CallError
	if !errors.As(err, &of) || !errors.Is(err, context.DeadlineExceeded) || of.Server.PID != server.PID() || of.Server.State != registry.StateStopped {
		t.Fatalf("a call of a stopped server: %v", err)
	}
	harness.WantParts(t, err.Error(), fmt.Sprintf("pid %d", server.PID()), of.Server.Executable, "stopped")
}

// A server whose process is stopped is there, also for a client that begins meanwhile: a call waits for it until its ctx ends, and then names
// the process.
func TestStopped_ServerIsThere(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, runningServer{}).Ready()
	before, err := service.NewClient[int, identity](limited(t), join(t, dir), unaryName, nil)
	if err != nil {
		t.Fatal(err)
	}
	server.Suspend()
	p := join(t, dir)
	found, err := service.Find(limited(t), p, "robot/*")
	if err != nil || len(found) != 2 || found[0].Name != streamName || found[1].Name != unaryName || found[1].Server.PID != server.PID() || found[1].Server.State != registry.StateStopped {
		t.Errorf("found: %+v, %v", found, err)
	}
	client, err := service.NewClient[int, identity](limited(t), p, unaryName, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*service.Client[int, identity]{before, client} {
		_, err := c.Call(short(t), 1)
		wantStopped(t, err, server)
	}
	wantStopped(t, client.WaitForServer(short(t)), server)
	responses := make(chan error)
	go func() {
		_, err := client.Call(limited(t), 1)
		responses <- err
	}()
	server.Resume()
	if err := <-responses; err != nil {
		t.Errorf("after it continues: %v", err)
	}
	found, err = service.Find(limited(t), p, unaryName)
	if err != nil || len(found) != 1 || found[0].Server.State != registry.StateRunning {
		t.Errorf("found again: %+v, %v", found, err)
	}
	server.Finish()
}

// A call that begins while a server that continues is on its way to the client waits for it.
func TestStopped_CallsBeginWhenItContinues(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, runningServer{}).Ready()
	server.Suspend()
	const clients = 24
	var made, called sync.WaitGroup
	goOn := make(chan struct{})
	for i := range clients {
		p := join(t, dir)
		made.Add(1)
		called.Go(func() {
			client, err := service.NewClient[int, identity](limited(t), p, unaryName, nil)
			made.Done()
			if err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			<-goOn
			for range 100 {
				if _, err := client.Call(limited(t), 1); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	made.Wait()
	server.Resume()
	close(goOn)
	called.Wait()
	server.Finish()
}

// The death of a stopped server ends the calls that wait for it, also of clients that never had its answer.
func TestStopped_ServerDies(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, runningServer{}).Ready()
	server.Suspend()
	client, err := service.NewClient[int, identity](limited(t), join(t, dir), unaryName, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Call(short(t), 1)
	wantStopped(t, err, server)
	result := make(chan error)
	go func() {
		_, err := client.Call(limited(t), 1)
		result <- err
	}()
	server.Kill()
	if err := <-result; !errors.Is(err, service.ErrNoServer) && !errors.Is(err, service.ErrNotStarted) {
		t.Errorf("after its death: %v", err)
	}
}
