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

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A result that gets no memory ends its call with an error that needs none, also if the handler's own error is too large for what is left.
// Calls with small responses go on, and large ones when the client has released what it holds.
func TestCall_NoMemoryForTheResult(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "large", func(_ context.Context, call *service.Call[int, []byte]) ([]byte, error) {
		if n := call.Request(); n < 0 {
			return nil, errors.New(strings.Repeat("e", -n))
		}
		return make([]byte, call.Request()), nil
	}, &service.ServerOptions[int, []byte]{MemoryLimit: 64 << 10})
	client := connect[int, []byte](t, dir, "large", nil)
	ctx := limited(t)
	var held []service.Response[[]byte]
	var err error
	for err == nil && len(held) < 1000 {
		var r service.Response[[]byte]
		if r, err = client.CallRaw(ctx, 1000); err == nil {
			held = append(held, r)
		}
	}
	if !errors.Is(err, service.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "the handler has returned") {
		t.Fatalf("after %d responses that are held: %v", len(held), err)
	}
	if _, err := client.Call(ctx, -1000); !errors.Is(err, service.ErrOutcomeUnknown) {
		t.Errorf("a large error of the handler: %v", err)
	}
	if got, err := client.Call(ctx, 10); len(got) != 10 || err != nil {
		t.Errorf("a small response: %d bytes, %v", len(got), err)
	}
	for _, r := range held {
		r.Release()
	}
	if got, err := client.Call(ctx, 1000); len(got) != 1000 || err != nil {
		t.Errorf("after the release: %d bytes, %v", len(got), err)
	}
}

// The end of a stream needs no memory either.
func TestStream_NoMemoryForTheEnd(t *testing.T) {
	dir := t.TempDir()
	server, err := service.NewStreamServer(t.Context(), join(t, dir), "large", func(ctx context.Context, call *service.Call[int, []byte]) error {
		for call.Send(ctx, make([]byte, call.Request())) == nil {
		}
		return nil
	}, &service.ServerOptions[int, []byte]{MemoryLimit: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := connect[int, []byte](t, dir, "large", nil)
	n := 0
	for r, err := range client.StreamRaw(limited(t), 1000) {
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		n++
	}
	if n == 0 {
		t.Error("no response came")
	}
}

// A nil *HandlerError as an error is an error, for the same reason as every nil pointer in an interface. It does not end the server.
func TestHandlerError_Nil(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "nil", func(context.Context, *service.Call[int, int]) (int, error) {
		var err *service.HandlerError
		return 0, err
	}, nil)
	var h *service.HandlerError
	if _, err := connect[int, int](t, dir, "nil", nil).Call(limited(t), 1); !errors.As(err, &h) || !strings.Contains(h.Text, "nil *HandlerError") {
		t.Errorf("%v", err)
	}
}

// What a client gets of an error has its whole text, and what it wraps.
func TestHandlerErrorOf(t *testing.T) {
	inner := &service.HandlerError{Code: 42, Text: "inner", Value: []byte("v")}
	for name, test := range map[string]struct {
		err  error
		want service.HandlerError
	}{
		"itself":        {inner, *inner},
		"within one":    {fmt.Errorf("outer: %w", inner), service.HandlerError{Code: 42, Text: "outer: inner", Value: []byte("v")}},
		"without text":  {fmt.Errorf("outer: %w", &service.HandlerError{}), service.HandlerError{Text: "outer: "}},
		"another":       {errors.New("plain"), service.HandlerError{Text: "plain"}},
		"negative code": {fmt.Errorf("outer: %w", &service.HandlerError{Code: -5, Text: "t"}), service.HandlerError{Text: "outer: t (code -5 is negative)"}},
	} {
		got := service.HandlerErrorOf(test.err)
		if got.Code != test.want.Code || got.Text != test.want.Text || string(got.Value) != string(test.want.Value) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// A client that takes no response of a stream for SendTimeout gets those that came before, and then why the stream ended.
func TestStream_SlowClient(t *testing.T) {
	dir := t.TempDir()
	ended := make(chan error, 1)
	server, err := service.NewStreamServer(t.Context(), join(t, dir), "fast", func(ctx context.Context, call *service.Call[int, int]) error {
		for i := 0; ; i++ {
			if err := call.Send(ctx, i); err != nil {
				ended <- err
				return err
			}
		}
	}, &service.ServerOptions[int, int]{SendTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := connect[int, int](t, dir, "fast", nil)
	got := 0
	for _, streamErr := range client.Stream(limited(t), 0) {
		if got++; got == 1 {
			if err := <-ended; !errors.Is(err, service.ErrBusy) {
				t.Errorf("at the server: %v", err)
			}
		}
		err = streamErr
	}
	if !errors.Is(err, service.ErrClientSlow) || !errors.Is(err, service.ErrOutcomeUnknown) || strings.Contains(err.Error(), "too many calls") {
		t.Errorf("%v", err)
	}
	if want := service.Window + 1; got != want {
		t.Errorf("%d yields, want %d responses and an error", got, service.Window)
	}
}

// What a client has sent is at the server, or the client has an error: requests without memory replace none that wait.
func TestClient_NoMemoryForRequests(t *testing.T) {
	dir := t.TempDir()
	const each = 8000
	release := make(chan bool)
	begin := sync.OnceFunc(func() { close(release) })
	var ran atomic.Int32
	serve(t, dir, "large", func(_ context.Context, call *service.Call[[]byte, int]) (int, error) {
		<-release
		ran.Add(1)
		return len(call.Request()), nil
	}, &service.ServerOptions[[]byte, int]{Concurrency: 1})
	t.Cleanup(begin)
	client := connect(t, dir, "large", &service.ClientOptions[[]byte, int]{MemoryLimit: 64 << 10})
	ctx := limited(t)
	sent := 0
	for range 6 {
		if err := client.Send(ctx, make([]byte, each)); err == nil {
			sent++
		} else if !errors.As(err, new(*topic.NoSlotError)) {
			t.Fatal(err)
		}
	}
	results := make(chan error, 10)
	for range cap(results) {
		go func() {
			n, err := client.Call(ctx, make([]byte, each))
			if err == nil && n != each {
				err = errors.New("another response")
			}
			results <- err
		}()
	}
	failed := 0
	for ; failed == 0; failed++ {
		if err := <-results; !errors.As(err, new(*topic.NoSlotError)) {
			t.Fatal(err)
		}
	}
	begin()
	for range cap(results) - failed {
		switch err := <-results; {
		case err == nil:
			sent++
		case !errors.As(err, new(*topic.NoSlotError)):
			t.Error(err)
		}
	}
	if n := int(ran.Load()); n != sent {
		t.Errorf("%d requests have come of %d", n, sent)
	}
}

// A result or a request that is too large says so, of which end the limit is, and what of the call took place.
func TestCall_TooLarge(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "large", func(_ context.Context, call *service.Call[[]byte, []byte]) ([]byte, error) {
		return make([]byte, 2000), nil
	},
		&service.ServerOptions[[]byte, []byte]{MaxPayload: 1000})
	client := connect(t, dir, "large", &service.ClientOptions[[]byte, []byte]{MaxPayload: 1000})
	_, err := client.Call(limited(t), nil)
	if !errors.Is(err, service.ErrOutcomeUnknown) || strings.Contains(err.Error(), "may have run") || !strings.Contains(err.Error(), "the server's MaxPayload") {
		t.Errorf("a response: %v", err)
	}
	_, err = client.Call(limited(t), make([]byte, 2000))
	if !errors.As(err, new(*topic.TooLargeError)) || !strings.Contains(err.Error(), "the request was not sent") {
		t.Errorf("a request: %v", err)
	}
}

// The error of a request that the server cannot decode says what is wrong with the value, not which sample of which topic carried it.
func TestCall_UndecodableRequest(t *testing.T) {
	dir := t.TempDir()
	ofInts := serde.JSON[int]()
	serve(t, dir, "json", echo, &service.ServerOptions[int, int]{RequestCodec: ofInts})
	client := connect(t, dir, "json", &service.ClientOptions[[]byte, int]{RequestCodec: serde.Opaque(ofInts.Type())})
	_, err := client.Call(limited(t), []byte("{"))
	if !errors.Is(err, service.ErrNotStarted) || !strings.Contains(err.Error(), "cannot be decoded") || strings.Contains(err.Error(), service.Prefix) {
		t.Errorf("%v", err)
	}
}
