package service

import (
	"context"
	"errors"
	"testing"
)

// A stream ends with its context also while responses wait.
func TestStream_EndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	sent, ended := make(chan bool, 1000), make(chan error, 1)
	server, err := NewStreamServer(t.Context(), participant(t, dir), "endless", func(ctx context.Context, call *Call[int, int]) (err error) {
		for err == nil {
			err = call.Send(ctx, 1)
			sent <- true
		}
		ended <- err
		return err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := newClient(t, dir, "endless")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []error
	for _, err := range c.Stream(ctx, 1) {
		if got = append(got, err); len(got) > 1 {
			break
		}
		for range Window - 1 {
			<-sent
		}
		cancel()
	}
	if len(got) != 2 || !errors.Is(got[1], context.Canceled) {
		t.Errorf("a response, and then %v; want the error of ctx", got[1:])
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler ended with %v", err)
	}
}

// Responses that come without an end keep no call beyond its context.
func TestClient_FloodOfResponses(t *testing.T) {
	s, c := newHostileServer(t, t.TempDir(), false)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	k := connection(c)
	for what, receive := range map[string]func(){
		"a waiting call":       func() { _ = k.receive(over, 0, 1, new(arrival[int])) },
		"a call without slots": func() { k.drain(over) },
		"a client without its welcome": func() {
			if err := k.awaitWelcome(over); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		},
	} {
		for range 100 {
			send(t, s.responses, encoded(Header{Number: 5 << slotBits, Kind: KindResponse}, "\xff"))
		}
		receive()
		left := 0
		for {
			m, ok, err := k.responses.TryReceive()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			m.Release()
			left++
		}
		if left != 99 {
			t.Errorf("%s: %d of 100 responses are left after one was received", what, left)
		}
	}
}
