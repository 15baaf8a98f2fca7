package topic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
)

// long is how long a test waits for what must happen. No passing test comes near it.
const long = time.Minute

// domain makes a directory for a test's domain.
func domain(t testing.TB) *Options {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, _ := os.ReadDir(dir + "/d")
		for _, f := range left {
			if f.Name() != "registry" {
				t.Errorf("left in the domain: %s", f.Name())
			}
		}
		os.RemoveAll(dir)
	})
	return &Options{Dir: dir, Domain: "d"}
}

func join(t testing.TB, o *Options) *Participant {
	t.Helper()
	p, err := Join(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func publisher[T any](t testing.TB, p *Participant, name string, opts *PublisherOptions[T]) *Publisher[T] {
	t.Helper()
	pub, err := NewPublisher(t.Context(), p, name, opts)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func subscriber[T any](t testing.TB, p *Participant, pattern string, opts *SubscriberOptions[T]) *Subscriber[T] {
	t.Helper()
	sub, err := NewSubscriber(t.Context(), p, pattern, opts)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func send[T any](t testing.TB, pub *Publisher[T], v T) {
	t.Helper()
	if _, err := pub.Publish(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}

func want[T any](t testing.TB, sub *Subscriber[T], v T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	s, err := sub.Receive(ctx)
	if err != nil {
		t.Fatalf("waiting for %v: %v", v, err)
	}
	defer s.Release()
	got, err := s.Value()
	if err != nil || fmt.Sprint(got) != fmt.Sprint(v) {
		t.Fatalf("got %v, %v; want %v", got, err, v)
	}
}

func TestPublisher_FirstSampleArrives(t *testing.T) {
	for _, first := range []string{"publisher", "subscriber"} {
		t.Run(first, func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			var pub *Publisher[string]
			var sub *Subscriber[string]
			if first == "publisher" {
				pub = publisher[string](t, a, "greeting", nil)
				sub = subscriber[string](t, b, "greeting", nil)
			} else {
				sub = subscriber[string](t, b, "greeting", nil)
				pub = publisher[string](t, a, "greeting", nil)
			}
			n, err := pub.Publish(t.Context(), "hello")
			if n != 1 || err != nil {
				t.Fatalf("reached %d, %v", n, err)
			}
			want(t, sub, "hello")
		})
	}
}

func TestPublisher_ClosedAtOnceIsReceived(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	sub := subscriber[string](t, b, "greeting", nil)
	for i := range 20 {
		pub := publisher[string](t, a, "greeting", nil)
		send(t, pub, fmt.Sprint(i))
		pub.Close()
	}
	for i := range 20 {
		want(t, sub, fmt.Sprint(i))
	}
}

type pose struct{ X, Y float64 }

func TestCodecs_ValuesArrive(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	for name, codec := range map[string]serde.Codec[pose]{"msgpack": serde.MsgPack[pose](), "cbor": serde.CBOR[pose](), "json": serde.JSON[pose]()} {
		pub := publisher(t, a, "pose/"+name, &PublisherOptions[pose]{Codec: codec})
		sub := subscriber(t, b, "pose/"+name, &SubscriberOptions[pose]{Codec: codec})
		for i := range 40 { // more than the ring has, and growing
			v := pose{float64(i), 1 / float64(i+1)}
			send(t, pub, v)
			want(t, sub, v)
		}
	}
}

func TestSample_Source(t *testing.T) {
	o := domain(t)
	o.Unit = "arm"
	a, b := join(t, o), join(t, o)
	pub := publisher(t, a, "pose", &PublisherOptions[pose]{Depth: 2})
	sub := subscriber[[]byte](t, b, "**", nil)
	before := time.Now()
	for range 5 {
		send(t, pub, pose{1, 2})
	}
	s, err := sub.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if s.Topic() != "pose" || s.Type().Encoding != "msgpack" || s.Type().Name != "topic.pose" || s.Unit() != "arm" || s.PID() != os.Getpid() ||
		s.Publisher() != pub.ID() || s.Lost() != 3 || s.Sequence() != 4 {
		t.Errorf("topic %q type %+v unit %q pid %d publisher %v lost %d sequence %d", s.Topic(), s.Type(), s.Unit(), s.PID(), s.Publisher(), s.Lost(), s.Sequence())
	}
	if d := s.Time().Sub(before); d < -time.Second || d > time.Minute {
		t.Errorf("published at %v, it was %v", s.Time(), before)
	}
}

func TestPatterns_LaterTopicsDeliveredOnce(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	early := publisher[string](t, a, "robot/a/pose", nil)
	sub := subscriber(t, b, "robot/*/pose", &SubscriberOptions[string]{Patterns: []string{"robot/**", "robot/a/pose"}})
	late := publisher[string](t, a, "robot/b/state", nil)
	other := publisher[string](t, a, "car/b/pose", nil)
	send(t, early, "1")
	want(t, sub, "1")
	send(t, other, "no")
	send(t, late, "2")
	want(t, sub, "2")
	if s, ok, err := sub.TryReceive(); ok || err != nil {
		t.Fatalf("also %q from %q, error %v", s.Bytes(), s.Topic(), err)
	}
}

func TestHistory_AndLatched(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	latched := publisher(t, a, "map", &PublisherOptions[string]{Latched: true})
	plain := publisher[string](t, a, "plain", nil)
	for i := range 5 {
		send(t, latched, fmt.Sprint(i))
		send(t, plain, fmt.Sprint(i))
	}
	want(t, subscriber[string](t, b, "map", nil), "4")
	sub := subscriber(t, b, "plain", &SubscriberOptions[string]{History: 2})
	want(t, sub, "3")
	want(t, sub, "4")
	if _, ok, err := subscriber[string](t, b, "plain", nil).TryReceive(); ok || err != nil {
		t.Fatalf("history without History: %v, error %v", ok, err)
	}
}

func TestSubscriber_TypeMismatchNamesBothSides(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	publisher[pose](t, a, "pose", nil)
	_, err := NewSubscriber[string](t.Context(), b, "pose", nil)
	var mismatch *TypeMismatchError
	if !errors.As(err, &mismatch) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"topic.pose", "msgpack", "string", "pose"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestSubscriber_LaterPublisherOfAnotherType(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	sub := subscriber[string](t, b, "pose", nil)
	wrong := publisher[pose](t, a, "pose", nil)
	right := publisher[string](t, a, "pose", nil)
	if n, err := wrong.Publish(t.Context(), pose{}); n != 0 || err != nil {
		t.Fatalf("reached %d, %v", n, err)
	}
	send(t, right, "x")
	want(t, sub, "x")
	for _, p := range []*Participant{a, b} {
		for e := range p.Events(t.Context()) {
			_ = e
			break
		}
	}
}

func TestEvents(t *testing.T) {
	o := domain(t)
	a := join(t, o)
	var kinds []EventKind
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	b, err := Join(o)
	if err != nil {
		t.Fatal(err)
	}
	sub := subscriber[string](t, a, "x", nil)
	publisher[pose](t, b, "x", nil)
	_ = sub
	joined := 0
	for e := range a.Events(ctx) {
		kinds = append(kinds, e.Kind)
		if e.Kind == Joined {
			joined++
		}
		if joined == 2 { // b cannot leave unheard
			joined = 0
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if e.Kind == Left {
			break
		}
	}
	if !slices.Contains(kinds, Joined) || !slices.Contains(kinds, Left) {
		t.Fatalf("events: %v", kinds)
	}
}

func TestSample_DecodeError(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[pose](t, a, "pose", nil)
	sub := subscriber[pose](t, b, "pose", nil)
	if _, err := pub.PublishV(t.Context(), []byte("not "), []byte("msgpack")); err != nil {
		t.Fatal(err)
	}
	send(t, pub, pose{1, 2})
	s, err := sub.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Value()
	place := fmt.Sprintf(`sample 1 of publisher %v on topic "pose": decode msgpack as topic.pose: offset 0: `, pub.ID())
	if !errors.As(err, new(*serde.DecodeError)) || !strings.HasPrefix(err.Error(), place) {
		t.Fatalf("got %v, want %s...", err, place)
	}
	if string(s.Bytes()) != "not msgpack" {
		t.Fatalf("bytes %q", s.Bytes())
	}
	s.Release()
	want(t, sub, pose{1, 2})
	if n := sub.Stats().DecodeErrors; n != 1 {
		t.Fatalf("%d decode errors counted", n)
	}
}

func TestClose_WakesReceive(t *testing.T) {
	p := join(t, domain(t))
	sub := subscriber[string](t, p, "x", nil)
	got := make(chan error)
	go func() {
		_, err := sub.Receive(context.Background())
		got <- err
	}()
	time.Sleep(5 * time.Millisecond)
	sub.Close()
	if err := <-got; !errors.Is(err, os.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestContext_EndsReceive(t *testing.T) {
	p := join(t, domain(t))
	sub := subscriber[string](t, p, "x", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := sub.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestClose_WhileEndpointsAreCreatedAndUsed(t *testing.T) {
	o := domain(t)
	for range 50 {
		p, err := Join(o)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				pub, err := NewPublisher[string](t.Context(), p, fmt.Sprint("x/", i), nil)
				for err == nil {
					_, err = pub.Publish(context.Background(), "x")
				}
				if !errors.Is(err, os.ErrClosed) {
					t.Errorf("publish: %v", err)
				}
			})
			wg.Go(func() {
				sub, err := NewSubscriber[string](t.Context(), p, "x/*", nil)
				for err == nil {
					var s Sample[string]
					if s, err = sub.Receive(context.Background()); err == nil {
						s.Value()
						s.Release()
					}
				}
				if !errors.Is(err, os.ErrClosed) {
					t.Errorf("receive: %v", err)
				}
			})
		}
		time.Sleep(time.Duration(rand.Int64N(int64(3 * time.Millisecond))))
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}

func TestAllocations_BytesAndStrings(t *testing.T) {
	o := domain(t)
	p := join(t, o)
	raw, text := publisher[[]byte](t, p, "raw", nil), publisher[string](t, p, "text", nil)
	rawSub, textSub := subscriber[[]byte](t, p, "raw", nil), subscriber[string](t, p, "text", nil)
	ctx := t.Context()
	payload := []byte("some bytes")
	steps := map[string]func(){
		"raw": func() {
			raw.Publish(ctx, payload)
			s, _ := rawSub.Receive(ctx)
			s.Value()
			s.Release()
		},
		"string": func() {
			text.Publish(ctx, "some text")
			s, _ := textSub.Receive(ctx)
			s.Value()
			s.Release()
		},
		"loan": func() {
			l, _ := raw.Loan(ctx, 8)
			l.Commit(ctx, 8)
			s, _ := rawSub.Receive(ctx)
			s.Release()
		},
		"parts": func() {
			raw.PublishV(ctx, payload, payload)
			s, _ := rawSub.Receive(ctx)
			s.Release()
		},
	}
	for name, step := range steps {
		for range 100 {
			step()
		}
		thousand := func() {
			for range 1000 {
				step()
			}
		}
		limit := int64(0)
		if name == "string" {
			limit = 1000*int64(len("some text"))/4096 + 1 // texts are cut out of blocks of 4 KiB
		}
		if n := allocations(t, thousand); n > limit {
			t.Errorf("%s: %v allocations in 1000 messages", name, n)
		}
	}
}
