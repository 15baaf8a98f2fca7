package topic

import (
	"errors"
	"testing"
)

// What the participant of KeepFor has not received keeps its memory, whether its samples are small or large, and whatever others hold up:
// a publish without other memory fails instead. Another subscription loses samples.
func TestPublisher_KeepFor(t *testing.T) {
	o := domain(t)
	to := join(t, o)
	kept := subscriber[[]byte](t, to, "x", nil)
	other := subscriber(t, join(t, o), "x", &SubscriberOptions[[]byte]{Lossless: true})
	pub := publisher(t, join(t, o), "x", &PublisherOptions[[]byte]{Depth: 64, MemoryLimit: 64 << 10, NeverWaits: true, Volatile: true, KeepFor: to.ID()})
	for round, size := range []int{3000, 9000, 1000, 30000} {
		published := 0
		var err error
		for err == nil && published < 64 {
			if _, err = pub.Publish(t.Context(), make([]byte, size)); err == nil {
				published++
			}
		}
		if !errors.As(err, new(*NoSlotError)) || published == 0 {
			t.Fatalf("round %d: %d samples, then %v", round, published, err)
		}
		send(t, pub, []byte("in the ring"))
		for i := range published + 1 {
			s, ok, err := kept.TryReceive()
			if !ok || err != nil || s.Lost() != 0 {
				t.Fatalf("round %d, sample %d of %d: %t, %v", round, i, published, ok, err)
			}
			s.Release()
		}
	}
	s, err := other.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if s.Lost() == 0 {
		t.Error("the other subscription has lost nothing, so nothing was overwritten")
	}
}

// KeepFor keeps memory, not places in the ring: what is overwritten there counts as lost.
func TestPublisher_KeepForBeyondDepth(t *testing.T) {
	o := domain(t)
	to := join(t, o)
	kept := subscriber[[]byte](t, to, "x", nil)
	pub := publisher(t, join(t, o), "x", &PublisherOptions[[]byte]{Depth: 4, KeepFor: to.ID()})
	for range 10 {
		send(t, pub, []byte("small"))
	}
	s, err := kept.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if s.Sequence() != 7 || s.Lost() != 6 {
		t.Errorf("sequence %d after %d lost", s.Sequence(), s.Lost())
	}
}
