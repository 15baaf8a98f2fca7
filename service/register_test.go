package service_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/shmbus/shmbus/service"
)

// A name has one server. A second one is told the process of the first, and gets the name when that has closed.
func TestServer_ExclusiveName(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, dir, "robot/arm", echo, nil)
	p := join(t, dir)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []bool{false, true} {
		_, err = service.NewServer(t.Context(), p, "robot/arm", echo, &service.ServerOptions[int, int]{Group: group})
		var exists *service.ServerExistsError
		if !errors.As(err, &exists) || exists.Server.PID != os.Getpid() || exists.Server.Executable != exe {
			t.Errorf("a second server, group %t: %v", group, err)
		}
		for _, part := range []string{`"robot/arm"`, fmt.Sprint(os.Getpid()), exe, "Group"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in: %v", part, err)
			}
		}
	}
	client := connect[int, int](t, dir, "robot/arm", nil)
	if got, err := client.Call(limited(t), 5); got != 5 || err != nil {
		t.Errorf("the first server: %d, %v", got, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	serve(t, dir, "robot/arm", echo, nil)
	if err := client.WaitForServer(limited(t)); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Call(limited(t), 6); got != 6 || err != nil {
		t.Errorf("the next server: %d, %v", got, err)
	}
}

// Of servers that register one name at the same time exactly one gets it.
func TestServer_RegisterAtTheSameTime(t *testing.T) {
	const servers, rounds = 3, 25
	dir := t.TempDir()
	var participants [servers]*registering
	for i := range participants {
		participants[i] = &registering{p: join(t, dir)}
	}
	for round := range rounds {
		var wg sync.WaitGroup
		begin := make(chan bool)
		for _, r := range participants {
			wg.Go(func() {
				<-begin
				r.server, r.err = service.NewServer(t.Context(), r.p, "one", echo, nil)
			})
		}
		close(begin)
		wg.Wait()
		won := 0
		for _, r := range participants {
			switch {
			case r.err == nil:
				won++
			case !errors.As(r.err, new(*service.ServerExistsError)):
				t.Errorf("round %d: %v", round, r.err)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d servers have the name", round, won)
		}
		for _, r := range participants {
			if r.err == nil {
				if err := r.server.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// Client and server of other types refuse each other, and say both, for requests and responses.
func TestClient_OtherTypes(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "typed", echo, nil)
	_, err := service.NewClient[string, int](t.Context(), join(t, dir), "typed", nil)
	wantMismatch(t, err, "requests", "string", "int", fmt.Sprint(os.Getpid()))
	_, err = service.NewClient[int, sum](t.Context(), join(t, dir), "typed", nil)
	wantMismatch(t, err, "responses", "sum", "int", fmt.Sprint(os.Getpid()))

	early := connect[int, sum](t, dir, "later", nil)
	serve(t, dir, "later", echo, nil)
	for ctx := limited(t); ; {
		_, err = early.Call(ctx, 1)
		if !errors.Is(err, service.ErrNoServer) {
			break
		}
		if ctx.Err() != nil {
			break
		}
	}
	wantMismatch(t, err, "responses", "sum", "int")
}

// The names of services are checked, and limits that are none.
func TestNames(t *testing.T) {
	p := join(t, t.TempDir())
	for _, name := range []string{"", "/", "a//b", "a/*", "a/**", "$service/x", "a\x00b", "a\xff", strings.Repeat("x", service.MaxName+1)} {
		if s, err := service.NewServer(t.Context(), p, name, echo, nil); err == nil || !strings.Contains(err.Error(), "service name") {
			t.Errorf("NewServer of %q: %v", name, err)
			s.Close()
		}
		if c, err := service.NewClient[int, int](t.Context(), p, name, nil); err == nil || !strings.Contains(err.Error(), "service name") {
			t.Errorf("NewClient of %q: %v", name, err)
			c.Close()
		}
	}
	for _, opts := range []service.ServerOptions[int, int]{{Concurrency: -1}, {MaxCalls: -1}, {MaxCalls: 481}, {MaxPayload: -1}, {MemoryLimit: -1}, {MaxPayload: 1}} {
		if s, err := service.NewServer(t.Context(), p, "limits", echo, &opts); err == nil {
			t.Errorf("NewServer with %+v succeeded", opts)
			s.Close()
		}
	}
	for _, opts := range []service.ClientOptions[int, int]{{MaxCalls: -1}, {MaxCalls: 481}, {MaxPayload: -1}, {MemoryLimit: -1}, {MaxPayload: 1}} {
		if c, err := service.NewClient[int, int](t.Context(), p, "limits", &opts); err == nil {
			t.Errorf("NewClient with %+v succeeded", opts)
			c.Close()
		}
	}
	longest := strings.Repeat("x", service.MaxName)
	serve(t, p.Dir(), "a", func(_ context.Context, call *service.Call[int, int]) (int, error) { return 1, nil }, nil)
	s, err := service.NewServer(t.Context(), p, longest, echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
