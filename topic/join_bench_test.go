package topic

import (
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkJoin2 joins samples with equal stamps, beside receiving both in turn.
func BenchmarkJoin2(b *testing.B) {
	p := join(b, domain(b))
	left, right := publisher[[]byte](b, p, "left", nil), publisher[[]byte](b, p, "right", nil)
	subLeft, subRight := subscriber[[]byte](b, p, "left", nil), subscriber[[]byte](b, p, "right", nil)
	ctx, payload := b.Context(), make([]byte, 100_000)
	var n atomic.Int64
	publish := func(b *testing.B) {
		n.Add(1)
		for _, pub := range []*Publisher[[]byte]{left, right} {
			if _, err := pub.Publish(ctx, payload); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("receive both", func(b *testing.B) {
		for b.Loop() {
			publish(b)
			for _, sub := range []*Subscriber[[]byte]{subLeft, subRight} {
				s, err := sub.Receive(ctx)
				if err != nil {
					b.Fatal(err)
				}
				s.Release()
			}
		}
	})
	b.Run("join", func(b *testing.B) {
		stamp := func(Sample[[]byte]) (time.Time, error) { return time.Unix(0, n.Load()), nil }
		j, err := NewJoin2(JoinInput[[]byte]{Subscriber: subLeft, Stamp: stamp}, JoinInput[[]byte]{Subscriber: subRight, Stamp: stamp}, patient())
		if err != nil {
			b.Fatal(err)
		}
		defer j.Close()
		for b.Loop() {
			publish(b)
			set, err := j.Receive(ctx)
			if err != nil {
				b.Fatal(err)
			}
			set.Release()
		}
	})
}
