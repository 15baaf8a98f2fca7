package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmbus/shmbus/service"
)

// What a client sends before it closes still comes to the server, in order.
func TestSend_BeforeClose(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	const sends = 30
	got := make(chan int, sends)
	begin := make(chan struct{})
	server, err := service.NewServer(ctx, join(t, dir), "horn", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
		<-begin
		got <- call.Request()
		return 0, ctx.Err()
	}, &service.ServerOptions[int, int]{Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := service.NewClient[int, int](ctx, join(t, dir), "horn", nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range sends {
		if err := client.Send(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	close(begin)
	for want := range sends {
		if n := <-got; n != want {
			t.Fatalf("request %d came as number %d", n, want)
		}
	}
}

// The deadline of ctx bounds the sending, not the handler: what was sent runs, and knows no deadline.
func TestSend_WithADeadline(t *testing.T) {
	dir := t.TempDir()
	const sends = 5
	begin := make(chan bool)
	got := make(chan error, sends)
	serve(t, dir, "horn", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
		<-begin
		err := ctx.Err()
		if deadline, ok := call.Deadline(); ok {
			err = fmt.Errorf("the deadline is %v", deadline)
		}
		got <- err
		return 0, nil
	}, &service.ServerOptions[int, int]{Concurrency: 1})
	client := connect[int, int](t, dir, "horn", nil)
	for n := range sends {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := client.Send(ctx, n); err != nil {
			t.Fatal(err)
		}
		cancel()
		if n == 0 {
			ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			err := client.Send(ctx, n)
			<-ctx.Done()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			} else if err != nil {
				got <- nil // it was not sent
			}
		}
	}
	close(begin)
	for range sends + 1 {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
}

// A request goes to the member of a group where the fewest wait, and to another one when that has all that it may.
func TestSend_ToTheLeastBusy(t *testing.T) {
	dir := t.TempDir()
	begin := make(chan bool)
	var stuck, ran atomic.Int32
	opts := &service.ServerOptions[int, int]{Group: true, Concurrency: 1}
	serve(t, dir, "group", func(_ context.Context, call *service.Call[int, int]) (int, error) {
		stuck.Add(1)
		<-begin
		return 0, nil
	}, opts)
	t.Cleanup(func() { close(begin) })
	client := connect[int, int](t, dir, "group", nil)
	for range 2 { // one runs, one waits
		if err := client.Send(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	for stuck.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	serve(t, dir, "group", func(_ context.Context, call *service.Call[int, int]) (int, error) {
		ran.Add(1)
		return 0, nil
	}, opts)
	ctx := limited(t)
	for len(client.Servers()) < 2 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	const sends = 200
	for n := range sends {
		if err := client.Send(ctx, n); err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
		for int(ran.Load()) <= n && ctx.Err() == nil {
			time.Sleep(100 * time.Microsecond)
		}
	}
	if stuck.Load() != 1 || ran.Load() != sends {
		t.Errorf("the busy member began %d, the other ran %d of %d", stuck.Load(), ran.Load(), sends)
	}
}

// While members are behind, a client gets ErrBusy only when all have as many requests as may wait.
func TestSend_ToAGroupOfBusyMembers(t *testing.T) {
	dir := t.TempDir()
	begin := make(chan bool)
	const members = 3
	handler := func(_ context.Context, call *service.Call[int, int]) (int, error) {
		<-begin
		return 0, nil
	}
	for range members {
		serve(t, dir, "group", handler, &service.ServerOptions[int, int]{Group: true, Concurrency: 1})
	}
	t.Cleanup(func() { close(begin) })
	client := connect[int, int](t, dir, "group", nil)
	sent := 0
	var err error
	for err == nil && sent < 1000 {
		if err = client.Send(t.Context(), sent); err == nil {
			sent++
		}
	}
	if !errors.Is(err, service.ErrBusy) || sent < members*32 || sent > members*33 {
		t.Errorf("after %d requests: %v", sent, err)
	}
}

// What a member of a group has not taken when it closes runs at another one, once, also when that appears later, and with the values that
// were sent. What it has taken runs there.
func TestSend_AMemberCloses(t *testing.T) {
	for name, later := range map[string]bool{"beside another": false, "before another": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			const sends = 20
			began := make(chan bool, sends)
			var mu sync.Mutex
			runs := map[string]int{}
			count := func(b []byte) {
				mu.Lock()
				defer mu.Unlock()
				runs[string(b)]++
			}
			opts := &service.ServerOptions[[]byte, int]{Group: true, Concurrency: 1}
			first, err := service.NewServer(t.Context(), join(t, dir), "group", func(ctx context.Context, call *service.Call[[]byte, int]) (int, error) {
				count(call.Request())
				began <- true
				<-ctx.Done()
				return 0, ctx.Err()
			}, opts)
			if err != nil {
				t.Fatal(err)
			}
			client := connect[[]byte, int](t, dir, "group", nil)
			b := []byte{0}
			for n := range sends {
				b[0] = byte(n)
				if err := client.Send(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			<-began
			another := func() {
				serve(t, dir, "group", func(ctx context.Context, call *service.Call[[]byte, int]) (int, error) {
					count(call.Request())
					return 0, nil
				}, opts)
			}
			if !later {
				another()
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			if later {
				another()
			}
			ctx := limited(t)
			for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
				mu.Lock()
				all := len(runs) == sends
				mu.Unlock()
				if all {
					break
				}
			}
			if _, err := client.Call(ctx, []byte("last")); err != nil { // behind all that was moved
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(runs) != sends+1 {
				t.Errorf("%d of %d requests ran", len(runs)-1, sends)
			}
			for b, n := range runs {
				if n != 1 {
					t.Errorf("request %v ran %d times", []byte(b), n)
				}
			}
		})
	}
}

// A client that closes while a member of a group closes says that what the member has not taken may be lost.
func TestSend_ClientClosesBesideAClosingMember(t *testing.T) {
	dir := t.TempDir()
	began, end := make(chan bool, 1), make(chan bool)
	server := serve(t, dir, "group", func(context.Context, *service.Call[int, int]) (int, error) {
		began <- true
		<-end
		return 0, nil
	}, &service.ServerOptions[int, int]{Group: true, Concurrency: 1})
	client, err := service.NewClient[int, int](t.Context(), join(t, dir), "group", nil)
	if err != nil {
		t.Fatal(err)
	}
	const sends = 5
	for n := range sends {
		if err := client.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	<-began
	closed := make(chan error)
	go func() { closed <- server.Close() }()
	for ctx := limited(t); len(client.Servers()) > 0 && ctx.Err() == nil; time.Sleep(time.Millisecond) {
	}
	if err := client.Close(); !errors.Is(err, service.ErrOutcomeUnknown) || !strings.Contains(err.Error(), fmt.Sprint(sends-1, " requests of Send")) {
		t.Errorf("the client closes with %v", err)
	}
	close(end)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// What is sent while members of a group close runs once: they take nothing any more, and their clients do not know yet that they close.
func TestSend_WhileMembersClose(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	runs := map[int]int{}
	newMember := func() (*service.Server[int, int], error) {
		return service.NewServer(t.Context(), join(t, dir), "group", func(_ context.Context, call *service.Call[int, int]) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			runs[call.Request()]++
			return 0, nil
		}, &service.ServerOptions[int, int]{Group: true})
	}
	first, err := newMember()
	if err != nil {
		t.Fatal(err)
	}
	client := connect[int, int](t, dir, "group", &service.ClientOptions[int, int]{Wait: true})
	closed := make(chan error, 1)
	go func() {
		defer close(closed)
		for range 15 {
			next, err := newMember()
			if err == nil {
				err = first.Close()
				first = next
			}
			if err != nil {
				closed <- err
				return
			}
		}
	}()
	sent, ctx := 0, limited(t)
	for closing := true; closing; {
		select {
		case err, failed := <-closed:
			if closing = failed; failed {
				t.Fatal(err)
			}
		default:
		}
		if err := client.Send(ctx, sent); err == nil {
			sent++
		} else if !errors.Is(err, service.ErrBusy) && !errors.Is(err, service.ErrNotStarted) {
			t.Fatal(err)
		}
	}
	defer first.Close()
	for ran := 0; ran < sent && ctx.Err() == nil; time.Sleep(time.Millisecond) {
		mu.Lock()
		ran = len(runs)
		mu.Unlock()
	}
	mu.Lock()
	defer mu.Unlock()
	if len(runs) != sent {
		t.Errorf("%d of %d requests ran", len(runs), sent)
	}
	for request, n := range runs {
		if n != 1 {
			t.Errorf("request %d ran %d times", request, n)
		}
	}
}
