package service_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// serve starts a server in a participant of its own, which ends with the test.
func serve[Req, Resp any](t testing.TB, dir, name string, handler service.Handler[Req, Resp], opts *service.ServerOptions[Req, Resp]) *service.Server[Req, Resp] {
	t.Helper()
	server, err := service.NewServer(t.Context(), join(t, dir), name, handler, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// connect makes a client in a participant of its own, which ends with the test.
func connect[Req, Resp any](t testing.TB, dir, name string, opts *service.ClientOptions[Req, Resp]) *service.Client[Req, Resp] {
	t.Helper()
	client, err := service.NewClient[Req, Resp](t.Context(), join(t, dir), name, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func echo(_ context.Context, call *service.Call[int, int]) (int, error) { return call.Request(), nil }

// limited bounds what must end by itself, far above the time that it takes.
func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// A registering participant tries to get a name.
type registering struct {
	p      *topic.Participant
	server *service.Server[int, int]
	err    error
}

// wantMismatch wants a *topic.TypeMismatchError whose text has all parts.
func wantMismatch(t *testing.T, err error, parts ...string) {
	t.Helper()
	if !errors.As(err, new(*topic.TypeMismatchError)) {
		t.Fatalf("want a mismatch of types: %v", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}
