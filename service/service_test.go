package service_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

func join(t testing.TB, dir string) *topic.Participant {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

type sum struct{ A, B int }

func TestCall(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	server, err := service.NewServer(ctx, join(t, dir), "math/add", func(ctx context.Context, call *service.Call[sum, int]) (int, error) {
		if call.Request().A < 0 {
			return 0, &service.HandlerError{Code: 7, Text: "A is negative", Value: []byte("value")}
		}
		return call.Request().A + call.Request().B, nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := service.NewClient[sum, int](ctx, join(t, dir), "math/add", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		got, err := client.Call(ctx, sum{i, 2})
		if err != nil || got != i+2 {
			t.Fatalf("%d + 2 = %d, %v", i, got, err)
		}
	}
	_, err = client.Call(ctx, sum{-1, 2})
	var h *service.HandlerError
	if !errors.As(err, &h) || h.Code != 7 || h.Text != "A is negative" || string(h.Value) != "value" {
		t.Fatalf("the handler's error arrived as %v", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err = client.Call(ctx, sum{1, 2}); !errors.Is(err, service.ErrNoServer) && !errors.Is(err, service.ErrNotStarted) {
		t.Fatalf("a call without a server: %v", err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCall_ManyGoroutines(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	server, err := service.NewServer(ctx, join(t, dir), "echo", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
		if call.Request()%10 == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		return call.Request(), nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := service.NewClient[int, int](ctx, join(t, dir), "echo", &service.ClientOptions[int, int]{MaxCalls: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 1000 {
				want := g*1000000 + i
				got, err := client.Call(ctx, want)
				if err != nil || got != want {
					t.Errorf("%d: %d, %v", want, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestStream(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	server, err := service.NewStreamServer(ctx, join(t, dir), "count", func(ctx context.Context, call *service.Call[int, int]) error {
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
	defer server.Close()
	client, err := service.NewClient[int, int](ctx, join(t, dir), "count", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	n := 0
	for v, err := range client.Stream(ctx, 1000) {
		if err != nil || v != n {
			t.Fatalf("response %d is %d, %v", n, v, err)
		}
		n++
	}
	if n != 1000 {
		t.Fatalf("%d responses", n)
	}
	n = 0
	for _, err := range client.Stream(ctx, 1000000000) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 10 {
			break
		}
	}
	for v, err := range client.Stream(ctx, 3) {
		if err != nil {
			t.Fatal(v, err)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	for _, size := range []int{64} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			dir := b.TempDir()
			ctx := context.Background()
			resp := make([]byte, size)
			server, err := service.NewServer(ctx, join(b, dir), "raw", func(ctx context.Context, call *service.Call[[]byte, []byte]) ([]byte, error) {
				return resp, nil
			}, &service.ServerOptions[[]byte, []byte]{Spin: time.Second})
			if err != nil {
				b.Fatal(err)
			}
			defer server.Close()
			client, err := service.NewClient[[]byte, []byte](ctx, join(b, dir), "raw", &service.ClientOptions[[]byte, []byte]{Spin: time.Second})
			if err != nil {
				b.Fatal(err)
			}
			defer client.Close()
			req := make([]byte, size)
			b.ReportAllocs()
			for b.Loop() {
				r, err := client.CallRaw(ctx, req)
				if err != nil {
					b.Fatal(err)
				}
				r.Release()
			}
		})
	}
}
