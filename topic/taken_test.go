package topic

import (
	"context"
	"errors"
	"testing"
	"time"
)

// WaitTaken waits for all subscriptions, lossless or not, and not for one that is closed.
func TestPublisher_WaitTaken(t *testing.T) {
	o := domain(t)
	pub := publisher[[]byte](t, join(t, o), "x", nil)
	if err := pub.WaitTaken(t.Context()); err != nil {
		t.Error(err)
	}
	lossy := subscriber[[]byte](t, join(t, o), "x", nil)
	lossless := subscriber(t, join(t, o), "x", &SubscriberOptions[[]byte]{Lossless: true})
	for range 2 {
		send(t, pub, []byte("a"))
	}
	take := func(sub *Subscriber[[]byte]) {
		t.Helper()
		s, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	untaken := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		if err := pub.WaitTaken(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	untaken()
	take(lossless)
	take(lossless)
	take(lossy)
	untaken()
	waited := make(chan error)
	go func() { waited <- pub.WaitTaken(t.Context()) }()
	take(lossy)
	if err := <-waited; err != nil {
		t.Error(err)
	}
	send(t, pub, []byte("b"))
	go func() { waited <- pub.WaitTaken(t.Context()) }()
	take(lossless)
	lossy.Close()
	if err := <-waited; err != nil {
		t.Errorf("after a close: %v", err)
	}
}

func TestPublisher_PublishAt(t *testing.T) {
	o := domain(t)
	for name, opts := range map[string]*PublisherOptions[[]byte]{
		"plain": {}, "one slot": {Depth: 1}, "keys": {Key: func(b []byte) string { return string(b[:1]) }},
	} {
		pub := publisher(t, join(t, o), name, opts)
		for i, size := range []int{1, 100, 1000, 300_000} {
			stamp := Stamp(1_000_000 * (i - 1))
			payload := make([]byte, size)
			payload[0] = byte(i)
			sub := subscriber[[]byte](t, join(t, o), name, nil)
			for opts.Key != nil && i > 0 { // the newest of the keys before
				s, ok, err := sub.TryReceive()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				s.Release()
			}
			if n, err := pub.PublishAt(t.Context(), payload, stamp); err != nil || n != 1 {
				t.Fatal(name, n, err)
			}
			s, err := sub.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if s.Stamp() != stamp || string(s.Bytes()) != string(payload) {
				t.Errorf("%s: stamp %d and %d bytes, want %d and %d", name, s.Stamp(), len(s.Bytes()), stamp, size)
			}
			s.Release()
			sub.Close()
		}
		if opts.Key != nil {
			order, _ := received(t, subscriber[[]byte](t, join(t, o), name, nil), func(b []byte) string { return string(b[:1]) })
			if len(order) != 4 {
				t.Errorf("%d keys", len(order))
			}
		}
	}
	pub := publisher[[]byte](t, join(t, o), "closed", nil)
	pub.Close()
	if _, err := pub.PublishAt(t.Context(), []byte("x"), 1); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
