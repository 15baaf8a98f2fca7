package service_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmbus/shmbus/service"
)

// A gauge is how many handlers run, and how many ran at once at most.
type gauge struct{ now, most atomic.Int32 }

func (g *gauge) enter() {
	n := g.now.Add(1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
}

func (g *gauge) leave() { g.now.Add(-1) }

// At no time do more handlers run than Concurrency says, whether they are short or long, for several clients; and as many do run.
func TestServer_Concurrency(t *testing.T) {
	for _, limit := range []int{1, 2, 3} {
		dir := t.TempDir()
		var g gauge
		serve(t, dir, "limit", func(_ context.Context, call *service.Call[int, int]) (int, error) {
			g.enter()
			defer g.leave()
			switch n := call.Request(); {
			case n%40 == 0:
				time.Sleep(3 * time.Millisecond)
			case n%7 == 0:
				time.Sleep(100 * time.Microsecond)
			}
			return call.Request(), nil
		}, &service.ServerOptions[int, int]{Concurrency: limit})
		var callers sync.WaitGroup
		for range 3 {
			client := connect[int, int](t, dir, "limit", nil)
			for range 4 {
				callers.Go(func() {
					for i := range 300 {
						if got, err := client.Call(t.Context(), i); got != i || err != nil {
							t.Errorf("call %d: %d, %v", i, got, err)
							return
						}
					}
				})
			}
		}
		callers.Wait()
		if most := g.most.Load(); most != int32(limit) {
			t.Errorf("%d handlers ran at once, want %d", most, limit)
		}
	}
}

// Handlers of streams count while they run, also after they have waited for their clients.
func TestStreamServer_Concurrency(t *testing.T) {
	const limit, streams = 2, 12
	dir := t.TempDir()
	var g gauge
	server, err := service.NewStreamServer(t.Context(), join(t, dir), "limit", func(ctx context.Context, call *service.Call[int, int]) error {
		for i := range service.Window {
			if err := call.Send(ctx, i); err != nil {
				return err
			}
		}
		if err := call.Send(ctx, 0); err != nil { // waits for the client
			return err
		}
		g.enter()
		defer g.leave()
		time.Sleep(2 * time.Millisecond)
		return nil
	}, &service.ServerOptions[int, int]{Concurrency: limit, MaxCalls: streams})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := connect[int, int](t, dir, "limit", &service.ClientOptions[int, int]{MaxCalls: streams})
	ctx := limited(t)
	for range 5 {
		var readers sync.WaitGroup
		read := make(chan bool)
		for i := range streams {
			next, stop := iter.Pull2(client.Stream(ctx, i))
			readers.Go(func() {
				defer stop()
				<-read
				for {
					if _, err, ok := next(); !ok {
						return
					} else if err != nil {
						t.Error(err)
					}
				}
			})
		}
		close(read)
		readers.Wait()
	}
	if most := g.most.Load(); most > limit {
		t.Errorf("%d handlers ran at once, want %d at most", most, limit)
	}
}

// A client that does not take the responses of its streams costs other clients nothing, though it has as many open as the server has
// handlers.
func TestStream_NotRead(t *testing.T) {
	dir := t.TempDir()
	server, err := service.NewStreamServer(t.Context(), join(t, dir), "many", func(ctx context.Context, call *service.Call[int, int]) error {
		for i := range call.Request() {
			if err := call.Send(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}, &service.ServerOptions[int, int]{Concurrency: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx := limited(t)
	stuck := connect[int, int](t, dir, "many", nil)
	for range 8 {
		next, stop := iter.Pull2(stuck.Stream(ctx, 1000))
		defer stop()
		if _, err, _ := next(); err != nil {
			t.Fatal(err)
		}
	}
	other := connect[int, int](t, dir, "many", nil)
	for range 50 {
		n := 0
		for _, err := range other.Stream(ctx, 100) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 100 {
			t.Fatalf("%d responses", n)
		}
	}
}

// With one handler a stream that its client does not take holds up the others, until its client goes on.
func TestStream_NotReadFromOneHandler(t *testing.T) {
	dir := t.TempDir()
	server, err := service.NewStreamServer(t.Context(), join(t, dir), "one", func(ctx context.Context, call *service.Call[int, int]) error {
		for i := range call.Request() {
			if err := call.Send(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}, &service.ServerOptions[int, int]{Concurrency: 1, SendTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	stuck, other := connect[int, int](t, dir, "one", nil), connect[int, int](t, dir, "one", nil)
	for _, err := range stuck.Stream(limited(t), 10*service.Window) {
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		for _, err := range other.Stream(ctx, 1) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("another client's stream began: %v", err)
			}
		}
		cancel()
		break
	}
	n := 0
	for _, err := range other.Stream(limited(t), 1) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d responses", n)
	}
}

// All streams that a client may have open may have responses waiting, as many as the client can hold.
func TestStream_AllWindowsFull(t *testing.T) {
	for _, streams := range []int{96, 97, 480} {
		dir := t.TempDir()
		window := min(service.Window, 960/streams-1)
		var sent atomic.Int32
		server, err := service.NewStreamServer(t.Context(), join(t, dir), "many", func(ctx context.Context, call *service.Call[int, int]) error {
			for i := range 2 * service.Window {
				if err := call.Send(ctx, call.Request()+i); err != nil {
					return err
				}
				sent.Add(1)
			}
			return nil
		}, &service.ServerOptions[int, int]{Concurrency: 2, MaxCalls: streams})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		client := connect[int, int](t, dir, "many", &service.ClientOptions[int, int]{MaxCalls: streams})
		ctx := limited(t)
		var all []func() (int, error, bool)
		for i := range streams {
			next, stop := iter.Pull2(client.Stream(ctx, i))
			defer stop()
			v, err, _ := next()
			if err != nil || v != i {
				t.Fatalf("stream %d of %d: %d, %v", i, streams, v, err)
			}
			all = append(all, next)
		}
		for sent.Load() < int32(streams*window) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		for i, next := range all {
			for j := 1; j < 2*service.Window; j++ {
				if v, err, _ := next(); err != nil || v != i+j {
					t.Fatalf("stream %d of %d, response %d: %d, %v", i, streams, j, v, err)
				}
			}
			if v, err, ok := next(); ok {
				t.Fatalf("stream %d of %d does not end: %d, %v", i, streams, v, err)
			}
		}
	}
}

// Servers and clients that close leave no goroutine, file or descriptor of their own.
func TestClose_LeavesNothing(t *testing.T) {
	dir := t.TempDir()
	here, there := join(t, dir), join(t, dir)
	round := func() {
		ctx := limited(t)
		server, err := service.NewServer(ctx, here, "unary", echo, nil)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := service.NewStreamServer(ctx, here, "stream", func(ctx context.Context, call *service.Call[int, int]) error {
			for i := range call.Request() {
				if err := call.Send(ctx, i); err != nil {
					return err
				}
			}
			return nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		client, err := service.NewClient[int, int](ctx, there, "unary", nil)
		if err != nil {
			t.Fatal(err)
		}
		streams, err := service.NewClient[int, int](ctx, there, "stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if _, err := client.Call(ctx, i); err != nil {
				t.Fatal(err)
			}
			cancelled, cancel := context.WithTimeout(ctx, time.Duration(i)*20*time.Microsecond)
			client.Call(cancelled, i)
			cancel()
			for _, err := range streams.Stream(ctx, 100) {
				if err != nil {
					t.Fatal(err)
				}
				if i%2 == 0 {
					break
				}
			}
		}
		if err := errors.Join(client.Close(), server.Close(), stream.Close(), streams.Close()); err != nil {
			t.Fatal(err)
		}
	}
	round() // what the participants keep
	left := func() (goroutines, files, descriptors int) {
		names, err := filepath.Glob(filepath.Join(here.Dir(), "*"))
		if err != nil {
			t.Fatal(err)
		}
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return runtime.NumGoroutine(), len(names), len(fds)
	}
	goroutines, files, descriptors := left()
	for range 5 {
		round()
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		g, f, d := left()
		if g <= goroutines && f <= files && d <= descriptors {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d files, %d descriptors; %d, %d, %d after one round", g, f, d, goroutines, files, descriptors)
		}
	}
}

// A raw call allocates nothing.
func TestCall_Allocations(t *testing.T) {
	dir := t.TempDir()
	resp := make([]byte, 64)
	serve(t, dir, "raw", func(context.Context, *service.Call[[]byte, []byte]) ([]byte, error) { return resp, nil }, nil)
	client := connect[[]byte, []byte](t, dir, "raw", nil)
	for _, size := range []int{64, 10000} {
		req := make([]byte, size)
		call := func() {
			r, err := client.CallRaw(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			r.Release()
		}
		for range 100 {
			call()
		}
		if n := testing.AllocsPerRun(1000, call); n >= 1 {
			t.Errorf("a call of %d bytes allocates %v times", size, n)
		}
	}
}
