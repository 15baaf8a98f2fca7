package service_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/service"
)

// A call that is cancelled returns at once, its handler's context ends, and its late response reaches no later call in the same slot.
func TestCall_LateResponse(t *testing.T) {
	dir := t.TempDir()
	release := make(chan bool)
	began := make(chan bool, 1)
	serve(t, dir, "late", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
		if call.Request() < 0 {
			began <- true
			<-release // also after ctx has ended
		}
		return call.Request(), nil
	}, &service.ServerOptions[int, int]{Concurrency: 4})
	client := connect[int, int](t, dir, "late", &service.ClientOptions[int, int]{MaxCalls: 2})
	ctx := limited(t)
	for i := 1; i <= 50; i++ {
		cancelled, cancel := context.WithCancel(ctx)
		result := make(chan error)
		go func() {
			_, err := client.Call(cancelled, -i)
			result <- err
		}()
		<-began
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Fatalf("a cancelled call: %v", err)
		}
		release <- true
		for done := 0; done < 3; {
			got, err := client.Call(ctx, i)
			if errors.Is(err, service.ErrBusy) && ctx.Err() == nil {
				continue // both slots wait for late responses
			}
			if got != i || err != nil {
				t.Fatalf("call %d: %d, %v", i, got, err)
			}
			done++
		}
	}
}

// A deadline beyond what nanoseconds can count is no deadline that is over.
func TestCall_DistantDeadline(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "far", func(_ context.Context, call *service.Call[int, int]) (int, error) {
		if d, ok := call.Deadline(); ok && time.Until(d) < time.Hour {
			return 0, errors.New("the deadline is near")
		}
		return call.Request(), nil
	}, nil)
	client := connect[int, int](t, dir, "far", nil)
	ctx, cancel := context.WithDeadline(t.Context(), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	defer cancel()
	if got, err := client.Call(ctx, 3); got != 3 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

// A context that has ended sends nothing.
func TestCall_AfterTheEndOfItsContext(t *testing.T) {
	t.Run("values", func(t *testing.T) {
		sendNothing(t, func(n int) int { return n }, func(n int) int { return n })
	})
	t.Run("bytes", func(t *testing.T) {
		sendNothing(t, func(n int) []byte { return make([]byte, n) }, func(b []byte) int { return len(b) })
	})
}

func sendNothing[Req any](t *testing.T, request func(int) Req, number func(Req) int) {
	dir := t.TempDir()
	requests := make(chan int, 10)
	serve(t, dir, "ended", func(_ context.Context, call *service.Call[Req, int]) (int, error) {
		requests <- number(call.Request())
		return 0, nil
	}, &service.ServerOptions[Req, int]{Concurrency: 1})
	client := connect[Req, int](t, dir, "ended", nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	want := func(what string, err error) {
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not sent") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := client.Call(ended, request(1))
	want("Call", err)
	for _, err := range client.Stream(ended, request(2)) {
		want("Stream", err)
	}
	want("Send", client.Send(ended, request(3)))
	if _, err := client.Call(limited(t), request(4)); err != nil {
		t.Error(err)
	}
	if got := <-requests; got != 4 {
		t.Errorf("request %d was sent", got)
	}
}

// Both limits of ErrBusy name themselves: the calls that are open, and the requests without a response that the server has not taken, which
// leave room for calls and keep their order.
func TestBusy(t *testing.T) {
	dir := t.TempDir()
	release, began := make(chan bool), make(chan bool, 100)
	var mu sync.Mutex
	var order []int
	serve(t, dir, "busy", func(_ context.Context, call *service.Call[int, int]) (int, error) {
		mu.Lock()
		order = append(order, call.Request())
		mu.Unlock()
		began <- true
		<-release
		return call.Request(), nil
	}, &service.ServerOptions[int, int]{Concurrency: 1, MaxCalls: 3})
	client := connect[int, int](t, dir, "busy", nil)
	ctx := limited(t)
	if err := client.Send(ctx, 0); err != nil {
		t.Fatal(err)
	}
	<-began
	sent := 0
	var err error
	for err == nil {
		if err = client.Send(ctx, sent+1); err == nil {
			sent++
		}
		if sent > 1000 {
			t.Fatal("nothing limits the requests without a response")
		}
	}
	if !errors.Is(err, service.ErrBusy) || !strings.Contains(err.Error(), "has not taken 32 requests") {
		t.Errorf("Send beyond the limit: %v", err)
	}
	results := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := client.Call(ctx, 1000)
			results <- err
		}()
	}
	for {
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		_, err := client.Call(short, 2000)
		cancel()
		if errors.Is(err, service.ErrBusy) {
			if !strings.Contains(err.Error(), "all 3 calls are open") || !strings.Contains(err.Error(), "MaxCalls") {
				t.Errorf("a call beyond the limit: %v", err)
			}
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	close(release)
	for range 3 {
		if err := <-results; err != nil && !errors.Is(err, service.ErrBusy) {
			t.Error(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for i, n := range order[:sent+1] {
		if n != i {
			t.Fatalf("requests came in the order %d", order)
		}
	}
}

// The error of a handler reaches the caller whole: code, text, value, also where these are large; beyond the server's limit the caller
// learns of that.
func TestHandlerError(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "fail", func(_ context.Context, call *service.Call[int, int]) (int, error) {
		switch n := call.Request(); {
		case n == -1:
			return 0, errors.New("plain")
		case n == -2:
			return 0, &service.HandlerError{Code: -5, Text: "negative"}
		case n == -3:
			return 0, &service.HandlerError{}
		default:
			return 0, &service.HandlerError{Code: 1<<31 - 1, Text: strings.Repeat("t", n), Value: make([]byte, n)}
		}
	}, &service.ServerOptions[int, int]{MaxPayload: 1 << 20})
	client := connect[int, int](t, dir, "fail", nil)
	ctx := limited(t)
	var h *service.HandlerError
	for _, n := range []int{0, 1, 60, 100, 5000, 500000} {
		if _, err := client.Call(ctx, n); !errors.As(err, &h) || h.Code != 1<<31-1 || len(h.Text) != n || len(h.Value) != n {
			t.Errorf("text and value of %d bytes: %.200v", n, err)
		}
	}
	if _, err := client.Call(ctx, 1<<20); !errors.Is(err, service.ErrOutcomeUnknown) || len(err.Error()) > 2000 {
		t.Errorf("an error beyond MaxPayload: %.200v", err)
	}
	if _, err := client.Call(ctx, -1); !errors.As(err, &h) || h.Code != 0 || h.Text != "plain" || h.Value != nil {
		t.Errorf("a plain error: %v", err)
	}
	if _, err := client.Call(ctx, -2); !errors.As(err, &h) || h.Code != 0 || !strings.Contains(h.Text, "code -5 is negative") {
		t.Errorf("a negative code: %v", err)
	}
	if _, err := client.Call(ctx, -3); !errors.As(err, &h) || h.Code != 0 || h.Text != "" {
		t.Errorf("an empty error: %v", err)
	}
}

// A response beyond the server's limit, and one that cannot be encoded, end the call.
func TestCall_ResponseThatCannotBeSent(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "large", func(_ context.Context, call *service.Call[int, string]) (string, error) {
		return strings.Repeat("x", call.Request()), nil
	}, &service.ServerOptions[int, string]{MaxPayload: 1000})
	client := connect[int, string](t, dir, "large", nil)
	if _, err := client.Call(limited(t), 2000); !errors.Is(err, service.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "1000") {
		t.Errorf("%v", err)
	}
	if got, err := client.Call(limited(t), 10); len(got) != 10 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Responses of a stream that could not be sent use up nothing of what the client can take.
func TestStream_ResponsesThatCannotBeSent(t *testing.T) {
	dir := t.TempDir()
	server, err := service.NewStreamServer(t.Context(), join(t, dir), "large", func(ctx context.Context, call *service.Call[int, string]) error {
		for range 100 {
			if err := call.Send(ctx, strings.Repeat("x", 2000)); err == nil {
				return errors.New("a response beyond MaxPayload was sent")
			}
		}
		return call.Send(ctx, "small")
	}, &service.ServerOptions[int, string]{MaxPayload: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := connect[int, string](t, dir, "large", nil)
	var got []string
	for v, err := range client.Stream(limited(t), 1) { // a Send without credit fails
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	if len(got) != 1 || got[0] != "small" {
		t.Errorf("%q", got)
	}
}

// A call of the wrong kind is refused by name, also where servers of a group could take it.
func TestCall_OfTheWrongKind(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "unary", echo, &service.ServerOptions[int, int]{Group: true})
	serve(t, dir, "unary", echo, &service.ServerOptions[int, int]{Group: true})
	stream, err := service.NewStreamServer(t.Context(), join(t, dir), "stream", func(context.Context, *service.Call[int, int]) error { return nil },
		&service.ServerOptions[int, int]{Group: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	ctx := limited(t)
	for _, err := range connect[int, int](t, dir, "unary", nil).Stream(ctx, 1) {
		if !errors.Is(err, service.ErrNotStarted) || !strings.Contains(err.Error(), "use Call") {
			t.Errorf("Stream of a server with one response: %v", err)
		}
	}
	if _, err := connect[int, int](t, dir, "stream", nil).Call(ctx, 1); !errors.Is(err, service.ErrNotStarted) || !strings.Contains(err.Error(), "use Stream") {
		t.Errorf("Call of a stream server: %v", err)
	}
}

// Loans of request and response travel in place, and end also when they cannot be sent.
func TestLoans(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "loan", func(ctx context.Context, call *service.Call[[]byte, []byte]) ([]byte, error) {
		req := call.Request()
		l, err := call.Loan(ctx, len(req)+1)
		if err != nil {
			return nil, err
		}
		copy(l.Bytes(), req)
		n := len(req)
		switch {
		case n > 0 && req[0] == 'x':
			n = 1 << 20 // beyond the loan
		case n > 0 && req[0] == 'n':
			n = -1
		}
		if err := call.Commit(ctx, l, n); err != nil {
			return nil, err
		}
		if err := call.Commit(ctx, l, n); err == nil {
			return nil, errors.New("a loan was committed twice")
		}
		return nil, nil
	}, nil)
	client := connect[[]byte, []byte](t, dir, "loan", nil)
	ctx := limited(t)
	for _, text := range []string{"", "a", strings.Repeat("b", 72), strings.Repeat("c", 100000)} {
		l, err := client.Loan(ctx, len(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Bytes()) != len(text) {
			t.Errorf("a loan of %d bytes has %d", len(text), len(l.Bytes()))
		}
		l.WriteAt([]byte(text), 0)
		r, err := l.Call(ctx, len(text))
		if err != nil {
			t.Fatal(err)
		}
		if string(r.Bytes()) != text {
			t.Errorf("%d bytes came back as %d", len(text), len(r.Bytes()))
		}
		r.Release()
		if _, err := l.Call(ctx, 0); err == nil {
			t.Error("a loan was sent twice")
		}
	}
	var h *service.HandlerError
	for _, text := range []string{"x", "n"} {
		if _, err := client.Call(ctx, []byte(text)); !errors.As(err, &h) {
			t.Errorf("a response longer than its loan: %v", err)
		}
	}
	for _, n := range []int{-1, -32, -33, 11, 1 << 30} {
		l, err := client.Loan(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Call(ctx, n); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a request of %d bytes in a loan of 10: %v", n, err)
		}
	}
	if _, err := client.Loan(ctx, -1); err == nil {
		t.Error("a loan of -1 bytes")
	}
}

// A response that the application holds stays readable when its server has gone.
func TestResponse_OfADepartedServer(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("x", 100000)
	server := serve(t, dir, "gone", func(context.Context, *service.Call[int, []byte]) ([]byte, error) { return []byte(text), nil }, nil)
	client := connect[int, []byte](t, dir, "gone", nil)
	r, err := client.CallRaw(limited(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Value(); string(got) != text || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if string(r.Bytes()) != text {
		t.Error("the bytes have changed")
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Value(); string(got) != text || err != nil {
		t.Errorf("after the client has closed: %d bytes, %v", len(got), err)
	}
	r.Release()
}

// Close ends open calls on either side, each with the result that is true.
func TestClose_WithOpenCalls(t *testing.T) {
	for _, closeServer := range []bool{true, false} {
		dir := t.TempDir()
		began := make(chan bool, 16)
		ended := make(chan error, 16)
		server := serve(t, dir, "open", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
			began <- true
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return call.Request(), nil
		}, &service.ServerOptions[int, int]{Concurrency: 2})
		client := connect[int, int](t, dir, "open", nil)
		results := make(chan error, 8)
		for i := range 8 {
			go func() {
				_, err := client.Call(limited(t), i)
				results <- err
			}()
		}
		<-began
		<-began
		if closeServer {
			time.Sleep(20 * time.Millisecond) // the others have sent their requests, or will find no server
			server.Close()
		} else {
			client.Close()
		}
		count := map[string]int{}
		for range 8 {
			switch err := <-results; {
			case err == nil:
				count["answered"]++
			case errors.Is(err, service.ErrNotStarted), errors.Is(err, service.ErrNoServer):
				count["not started"]++
			case errors.Is(err, os.ErrClosed):
				count["closed"]++
			default:
				t.Errorf("%v", err)
			}
		}
		if closeServer && (count["answered"] != 2 || count["not started"] != 6) || !closeServer && count["closed"] != 8 {
			t.Errorf("server closes: %t: %v", closeServer, count)
		}
		for range 2 {
			if cause := <-ended; !errors.Is(cause, service.ErrServerClosed) && !errors.Is(cause, service.ErrClientGone) {
				t.Errorf("the handler's context ended: %v", cause)
			}
		}
	}
}
