package service_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// Members of a group get the calls of a client in equal parts, because each goes to the one with the fewest open.
func TestGroup_LeastOutstanding(t *testing.T) {
	const members, each = 3, 4
	dir := t.TempDir()
	var mu sync.Mutex
	got := map[int]int{}
	began, release := make(chan bool, members*each), make(chan bool)
	for m := range members {
		serve(t, dir, "group", func(_ context.Context, call *service.Call[int, int]) (int, error) {
			mu.Lock()
			got[m]++
			mu.Unlock()
			began <- true
			<-release
			return call.Request(), nil
		}, &service.ServerOptions[int, int]{Group: true, Concurrency: each, MaxCalls: each})
	}
	client := connect[int, int](t, dir, "group", nil)
	if n := len(client.Servers()); n != members {
		t.Fatalf("%d servers", n)
	}
	ctx := limited(t)
	results := make(chan error, members*each)
	for i := range members * each {
		go func() {
			v, err := client.Call(ctx, i)
			if err == nil && v != i {
				err = errors.New("another response")
			}
			results <- err
		}()
	}
	for range members * each {
		<-began
	}
	for m, n := range got {
		if n != each {
			t.Errorf("member %d has %d of %d calls", m, n, members*each)
		}
	}
	if _, err := client.Call(ctx, 1); !errors.Is(err, service.ErrBusy) {
		t.Errorf("a call beyond the limits of all members: %v", err)
	}
	close(release)
	for range members * each {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// A member that allows few calls is passed over when these are open, though it has fewer open than another one.
func TestGroup_FullMember(t *testing.T) {
	dir := t.TempDir()
	release := make(chan bool)
	wait := func(_ context.Context, call *service.Call[int, int]) (int, error) {
		<-release
		return 0, nil
	}
	serve(t, dir, "group", wait, &service.ServerOptions[int, int]{Group: true, Concurrency: 8, MaxCalls: 1})
	serve(t, dir, "group", wait, &service.ServerOptions[int, int]{Group: true, Concurrency: 8, MaxCalls: 5})
	client := connect[int, int](t, dir, "group", nil)
	ctx := limited(t)
	results := make(chan error, 6)
	for range 6 {
		go func() {
			_, err := client.Call(ctx, 1)
			results <- err
		}()
	}
	for range 6 {
		select {
		case err := <-results:
			if err != nil {
				t.Error(err)
			}
		case release <- true:
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	}
}

// When a member closes, what it had begun keeps its result, and what it had not is moved to another one: no call fails, and none runs twice.
func TestGroup_MemberCloses(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	runs := map[int]int{}
	handler := func(_ context.Context, call *service.Call[int, int]) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		runs[call.Request()]++
		return call.Request(), nil
	}
	opts := &service.ServerOptions[int, int]{Group: true, Concurrency: 1}
	serve(t, dir, "group", handler, opts)
	client := connect[int, int](t, dir, "group", nil)
	ctx := limited(t)
	done := make(chan bool)
	var callers sync.WaitGroup
	for g := range 4 {
		callers.Go(func() {
			for i := g; ; i += 4 {
				if got, err := client.Call(ctx, i); got != i || err != nil {
					t.Errorf("call %d: %d, %v", i, got, err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 8 {
		member, err := service.NewServer(ctx, join(t, dir), "group", handler, opts)
		if err != nil {
			t.Fatal(err)
		}
		for len(client.Servers()) < 2 && ctx.Err() == nil {
		}
		if err := member.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	callers.Wait()
	mu.Lock()
	defer mu.Unlock()
	for i, n := range runs {
		if n != 1 {
			t.Errorf("call %d ran %d times", i, n)
		}
	}
}

// Clients that make one call each take different members.
func TestGroup_ClientsOfOneCall(t *testing.T) {
	dir := t.TempDir()
	for m := range 2 {
		serve(t, dir, "group", func(context.Context, *service.Call[int, int]) (int, error) { return m, nil }, &service.ServerOptions[int, int]{Group: true})
	}
	var got [2]int
	for range 40 {
		client := connect[int, int](t, dir, "group", nil)
		m, err := client.Call(limited(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		got[m]++
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got[0] == 0 || got[1] == 0 { // by chance once in 2^39
		t.Errorf("the members got %v calls", got)
	}
}

// A wait for a server that ends names the one that cannot be called, and why.
func TestWaitForServer_OfOtherTypes(t *testing.T) {
	dir := t.TempDir()
	client, err := service.NewClient[string, int](t.Context(), join(t, dir), "typed", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	serve(t, dir, "typed", func(_ context.Context, call *service.Call[int, int]) (int, error) { return 0, nil }, nil)
	for ctx := limited(t); ; {
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		err := client.WaitForServer(short)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if errors.As(err, new(*topic.TypeMismatchError)) {
			break
		}
		if ctx.Err() != nil { // it has found the server long ago
			t.Fatalf("the cause is not named: %v", err)
		}
	}
}
