package topic

import (
	"context"
	"testing"
)

func TestSubscriber_EndedAfterTheLastSample(t *testing.T) {
	for name, end := range map[string]func(*Participant, *Publisher[string]) error{
		"the publisher closes":   func(_ *Participant, pub *Publisher[string]) error { return pub.Close() },
		"the participant leaves": func(p *Participant, _ *Publisher[string]) error { return p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			b := join(t, o)
			ended := make(chan PublisherID, 1)
			sub := subscriber(t, b, "**", &SubscriberOptions[string]{Ended: func(id PublisherID) { ended <- id }})
			a, err := Join(o)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			pub := publisher[string](t, a, "x", &PublisherOptions[string]{Latched: true})
			other := publisher[string](t, join(t, o), "x", nil)
			send(t, pub, "1")
			send(t, pub, "2")
			if err := end(a, pub); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"1", "2"} {
				s, err := sub.Receive(t.Context())
				if err != nil || string(s.Bytes()) != text || !s.Latched() || s.Executable() == "" {
					t.Fatalf("%q, latched %v, of %q, %v", s.Bytes(), s.Latched(), s.Executable(), err)
				}
				select {
				case id := <-ended:
					t.Fatalf("%v ended before sample %s", id, text)
				default:
				}
				s.Release()
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				if s, err := sub.Receive(ctx); err == nil {
					t.Errorf("and %q", s.Bytes())
				}
			}()
			if id := <-ended; id != pub.ID() {
				t.Errorf("%v ended, not %v", id, pub.ID())
			}
			if err := other.Close(); err != nil {
				t.Fatal(err)
			}
			if id := <-ended; id != other.ID() {
				t.Errorf("%v ended, not %v", id, other.ID())
			}
		})
	}
}
