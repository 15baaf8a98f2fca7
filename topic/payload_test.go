package topic

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
)

func TestPublisher_EstimateAfterOneLargeSample(t *testing.T) {
	type blob struct {
		Data  []byte
		Small int
	}
	o := domain(t)
	p := join(t, o)
	pub := publisher(t, p, "blob", &PublisherOptions[blob]{Depth: 4})
	send(t, pub, blob{Data: make([]byte, 16<<20)})
	for i := range 200 {
		send(t, pub, blob{Small: i})
	}
	if m := pub.Stats().Memory; m > 64<<20 {
		t.Errorf("one sample of 16 MiB and 200 of a few bytes took %d MiB", m>>20)
	}
}

func TestPublisher_TooLargeTakesNoMemory(t *testing.T) {
	const limit = 1 << 20
	o := domain(t)
	p := join(t, o)
	text := publisher(t, p, "text", &PublisherOptions[string]{MaxPayload: limit})
	list := publisher(t, p, "list", &PublisherOptions[[]string]{MaxPayload: limit})
	raw := publisher(t, p, "raw", &PublisherOptions[[]byte]{MaxPayload: limit})
	long := strings.Repeat("x", limit+1)
	_, err1 := text.Publish(t.Context(), long)
	_, err2 := list.Publish(t.Context(), []string{long})
	_, err3 := raw.Publish(t.Context(), []byte(long))
	_, err4 := raw.PublishV(t.Context(), []byte(long[:limit]), []byte("x"))
	_, err5 := raw.Loan(t.Context(), limit+1)
	for i, err := range []error{err1, err2, err3, err4, err5} {
		var large *TooLargeError
		if !errors.As(err, &large) || large.Limit != limit || large.Size <= limit {
			t.Errorf("%d: %v", i, err)
		}
	}
	send(t, text, "x")
	send(t, raw, nil)
	for range 16 {
		send(t, list, []string{"x"})
	}
	for name, s := range map[string]PublisherStats{"text": text.Stats(), "list": list.Stats(), "raw": raw.Stats()} {
		if s.Memory >= limit {
			t.Errorf("%s took %d bytes for small samples", name, s.Memory)
		}
	}
}

func TestPayload_LargestArrives(t *testing.T) {
	const limit = 256 << 20
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[[]byte](t, a, "huge", nil)
	sub := subscriber[[]byte](t, b, "huge", nil)
	l, err := pub.Loan(t.Context(), limit)
	if errors.As(err, new(*NoSlotError)) && os.Getenv("CI") == "" {
		t.Skip("it takes 256 MiB of shared memory: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.Bytes()[0], l.Bytes()[limit-1] = 1, 2
	if _, err := l.Commit(t.Context(), limit); err != nil {
		t.Fatal(err)
	}
	s, err := sub.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Value(); err != nil || len(v) != limit || v[0] != 1 || v[limit-1] != 2 {
		t.Errorf("%d bytes, %v", len(v), err)
	}
	s.Release()
	if _, err := pub.Loan(t.Context(), limit+1); !errors.As(err, new(*TooLargeError)) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestPayload_EmptyDiffersFromReleased(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	raw, text := publisher[[]byte](t, a, "raw", nil), publisher[string](t, a, "text", nil)
	rawSub, textSub := subscriber[[]byte](t, b, "raw", nil), subscriber[string](t, b, "text", nil)
	for range 3 {
		send(t, raw, nil)
		send(t, raw, []byte{})
		send(t, text, "")
		if _, err := raw.PublishV(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, textSub, "")
		for range 3 {
			s, err := rawSub.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Value()
			if v == nil || len(v) != 0 || err != nil {
				t.Errorf("value %v, %v", v, err)
			}
			s.Release()
			s.Release()
			if v, err := s.Value(); v != nil || !errors.Is(err, os.ErrClosed) {
				t.Errorf("after Release: value %v, %v", v, err)
			}
		}
	}
}

func TestSample_ConcurrentValue(t *testing.T) {
	type list struct{ Words []string }
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[list](t, a, "list", nil)
	sub := subscriber[list](t, b, "list", nil)
	var wg sync.WaitGroup
	for i := range 50 {
		sent := strings.Repeat("x", i)
		send(t, pub, list{[]string{sent, "y"}})
		s, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				v, err := s.Value()
				if err != nil || len(v.Words) != 2 || v.Words[0] != sent {
					t.Errorf("%v, %v", v, err)
				}
			})
		}
		wg.Go(func() { readers.Wait(); s.Release() })
	}
	wg.Wait()
}

func TestSample_FailedDecodeLeavesNothing(t *testing.T) {
	type part struct {
		A string `msgpack:"a,omitempty"`
		B int    `msgpack:"b,omitempty"`
	}
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[part](t, a, "part", nil)
	sub := subscriber[part](t, b, "part", nil)
	if _, err := pub.PublishV(t.Context(), []byte{0x82, 0xa1, 'a', 0xa5, 's', 't', 'a', 'l', 'e', 0xa1, 'b', 0xa1, 'x'}); err != nil {
		t.Fatal(err)
	}
	send(t, pub, part{B: 7})
	s, err := sub.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Value(); err == nil {
		t.Fatalf("decoded %+v", v)
	}
	s.Release()
	want(t, sub, part{B: 7})
}

func TestSubscriber_MaxHeldReached(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub, other := publisher[string](t, a, "x", nil), publisher[string](t, a, "x", nil)
	sub := subscriber(t, b, "x", &SubscriberOptions[string]{MaxHeld: 3})
	var held []Sample[string]
	for range 3 {
		send(t, pub, "held")
		s, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
	}
	send(t, pub, "more")
	if _, err := sub.Receive(t.Context()); !errors.As(err, new(*LimitError)) {
		t.Fatalf("got %v", err)
	}
	send(t, other, "of another")
	want(t, sub, "of another")
	held[1].Release()
	want(t, sub, "more")
	for _, s := range held {
		s.Release()
	}
}

func TestLatched_NewestOfEachPublisher(t *testing.T) {
	o := domain(t)
	a, b, c := join(t, o), join(t, o), join(t, o)
	for i, p := range []*Participant{a, b, b} {
		pub := publisher(t, p, "map", &PublisherOptions[int]{Latched: true})
		for k := range 20 {
			send(t, pub, 100*i+k)
		}
	}
	sub := subscriber[int](t, c, "map", nil)
	got := map[int]bool{}
	for range 3 {
		s, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		v, _ := s.Value()
		got[v] = true
		s.Release()
	}
	if s, ok, err := sub.TryReceive(); ok || err != nil || !got[19] || !got[119] || !got[219] {
		t.Errorf("got %v and %q", got, s.Bytes())
	}
}

func TestSubscriber_ReceivedPlusLostIsPublished(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	ctx := context.Background()
	older := subscriber[int](t, b, "n", nil)
	for range 30 {
		pub := publisher(t, a, "n", &PublisherOptions[int]{Depth: 2})
		for i := range 7 {
			send(t, pub, i)
		}
		younger := subscriber(t, b, "n", &SubscriberOptions[int]{History: 1})
		for i := range 5 {
			send(t, pub, i)
		}
		pub.Close()
		for name, c := range map[string]struct {
			sub  *Subscriber[int]
			want uint64
		}{"older": {older, 12}, "younger": {younger, 6}} {
			var n, last uint64
			for last < 12 {
				s, err := c.sub.Receive(ctx)
				if err != nil {
					t.Fatal(err)
				}
				n += 1 + s.Lost()
				last = s.Sequence()
				s.Release()
			}
			if n != c.want {
				t.Fatalf("the %s subscriber accounts for %d samples, want %d", name, n, c.want)
			}
		}
		younger.Close()
	}
}
