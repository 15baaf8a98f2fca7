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

// WaitSubscriberOf waits for a lossless subscription of one participant, whatever others have.
func TestPublisher_WaitSubscriberOf(t *testing.T) {
	o := domain(t)
	pub := publisher[[]byte](t, join(t, o), "x", nil)
	p := join(t, o)
	subscriber(t, join(t, o), "x", &SubscriberOptions[[]byte]{Lossless: true})
	subscriber[[]byte](t, p, "x", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := pub.WaitSubscriberOf(ctx, p.ID()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another participant's subscription or one that is not lossless ended the wait: %v", err)
	}
	waited := make(chan error)
	go func() { waited <- pub.WaitSubscriberOf(t.Context(), p.ID()) }()
	subscriber(t, p, "x", &SubscriberOptions[[]byte]{Lossless: true})
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// A volatile publisher's memory does not grow to Depth samples, and a late subscription with a History gets the newest sample.
func TestPublisherOptions_Volatile(t *testing.T) {
	o := domain(t)
	p := join(t, o)
	pub := publisher(t, p, "x", &PublisherOptions[[]byte]{Volatile: true, Depth: 64})
	sub := subscriber[[]byte](t, join(t, o), "x", nil)
	large := make([]byte, 1<<20)
	for range 64 {
		send(t, pub, large)
		s, err := sub.Receive(t.Context())
		if err != nil || s.Lost() != 0 {
			t.Fatal(s.Lost(), err)
		}
		s.Release()
	}
	if got := pub.Stats().Memory; got > 8<<20 {
		t.Errorf("the publisher has %d bytes of slots", got)
	}
	late := subscriber(t, join(t, o), "x", &SubscriberOptions[[]byte]{History: 10})
	s, err := late.Receive(t.Context())
	if err != nil || s.Sequence() != 64 || s.Lost() != 0 {
		t.Errorf("the late subscription got %d after %d lost, %v", s.Sequence(), s.Lost(), err)
	}
	s.Release()
}
