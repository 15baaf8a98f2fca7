package topic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// inUse is how many descriptors this process has and how many files of domains it maps.
func inUse(t *testing.T) (descriptors, mappings int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return len(open), strings.Count(string(maps), "/shmbus-test-")
}

// Nothing is received while they come and go.
func TestSubscriber_ManyOneShotPublishers(t *testing.T) {
	for name, publishers := range map[string]int{"keep-last": 500, "lossless": 5000} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			sub := subscriber(t, b, "**", &SubscriberOptions[string]{Lossless: name == "lossless"})
			defer sub.Close()
			large := strings.Repeat("-", 200) // in a slot
			shot := func(i int) {
				t.Helper()
				pub := publisher[string](t, a, fmt.Sprint("t/", i%100), nil)
				for _, v := range []string{fmt.Sprint(i), fmt.Sprint(large, i)} {
					if n, err := pub.Publish(t.Context(), v); n != 1 || err != nil {
						t.Fatal(n, err)
					}
				}
				pub.Close()
			}
			shot(0)
			descriptors, mappings := inUse(t)
			for i := 1; i < publishers; i++ {
				shot(i)
			}
			if err := b.reg.Sync(); err != nil {
				t.Fatal(err)
			}
			const few = 20
			if d, m := inUse(t); d > descriptors+few || m > mappings+few {
				t.Errorf("%d descriptors and %d mappings after one publisher, %d and %d after %d", descriptors, mappings, d, m, publishers)
			}
			for i := range publishers {
				want(t, sub, fmt.Sprint(i))
				want(t, sub, fmt.Sprint(large, i))
			}
			if _, ok, err := sub.TryReceive(); ok || err != nil {
				t.Errorf("another sample: %v, error %v", ok, err)
			}
			if s := sub.Stats(); s.Messages != uint64(2*publishers) || s.Lost != 0 || s.Dropped != 0 || s.Publishers != 0 {
				t.Errorf("%d received, %d lost, %d dropped, %d publishers left", s.Messages, s.Lost, s.Dropped, s.Publishers)
			}
		})
	}
}

func TestSubscriber_OneShotPublishersBeyondTheMemoryLimit(t *testing.T) {
	const publishers, kept, size, each = 40, 10, 1000, 1024 + 64 + 1000 // bytes, as the documents say
	o := domain(t)
	a, b := join(t, o), join(t, o)
	sub := subscriber(t, b, "t/*", &SubscriberOptions[[]byte]{MemoryLimit: kept * each})
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	begun, dropped := make(chan bool), make(chan Event, publishers)
	go func() {
		for e := range b.Events(ctx) {
			switch e.Kind {
			case Joined:
				begun <- true
			case Dropped:
				dropped <- e
			}
		}
	}()
	<-begun
	<-begun
	for i := range publishers {
		pub := publisher[[]byte](t, a, fmt.Sprint("t/", i), nil)
		send(t, pub, make([]byte, size))
		pub.Close()
	}
	if err := b.reg.Sync(); err != nil {
		t.Fatal(err)
	}
	topics := map[string]bool{}
	for range publishers - kept {
		select {
		case e := <-dropped:
			var err *DroppedError
			if !errors.As(e.Err, &err) || err.Samples != 1 || e.Participant.ID != a.ID() {
				t.Errorf("event: %v of %v", e.Err, e.Participant.ID)
			}
			topics[e.Endpoint.Topic] = true
		case <-ctx.Done():
			t.Fatal("not every drop is an event")
		}
	}
	for i := range publishers - kept {
		if name := fmt.Sprint("t/", i); !topics[name] {
			t.Error("no event about ", name)
		}
	}
	for i := publishers - kept; i < publishers; i++ {
		s, err := sub.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if s.Topic() != fmt.Sprint("t/", i) || len(s.Bytes()) != size {
			t.Errorf("%d bytes of %s", len(s.Bytes()), s.Topic())
		}
		s.Release()
	}
	if s := sub.Stats(); s.Messages != kept || s.Dropped != publishers-kept || s.Lost != s.Dropped {
		t.Errorf("%d received, %d dropped, %d lost", s.Messages, s.Dropped, s.Lost)
	}
}

func TestSubscriber_NegativeMemoryLimit(t *testing.T) {
	_, err := NewSubscriber(t.Context(), join(t, domain(t)), "t", &SubscriberOptions[string]{MemoryLimit: -1})
	if err == nil || !strings.Contains(err.Error(), "MemoryLimit") {
		t.Error(err)
	}
}
