package topic

import (
	"context"
	"testing"
)

// BenchmarkOneThread measures the public calls of one goroutine, per call: a sample of 64 bytes, everything in its caches,
// no reader asleep.
func BenchmarkOneThread(b *testing.B) {
	p := join(b, domain(b))
	ctx := context.Background()
	payload := make([]byte, 64)
	newPair := func(b *testing.B, name string, subscribe bool) (*Publisher[[]byte], *Subscriber[[]byte]) {
		pub, err := NewPublisher[[]byte](ctx, p, name, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { pub.Close() })
		if !subscribe {
			return pub, nil
		}
		sub, err := NewSubscriber[[]byte](ctx, p, name, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { sub.Close() })
		return pub, sub
	}
	publish := func(b *testing.B, pub *Publisher[[]byte]) {
		if _, err := pub.Publish(ctx, payload); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("Publish/subscribers=0", func(b *testing.B) {
		pub, _ := newPair(b, "bench/alone", false)
		for b.Loop() {
			publish(b, pub)
		}
	})
	b.Run("Publish/subscribers=1", func(b *testing.B) {
		pub, _ := newPair(b, "bench/published", true)
		for b.Loop() {
			publish(b, pub)
		}
	})
	b.Run("TryReceive/empty", func(b *testing.B) {
		_, sub := newPair(b, "bench/empty", true)
		for b.Loop() {
			if _, ok, err := sub.TryReceive(); ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("Publish+TryReceive+Release", func(b *testing.B) {
		pub, sub := newPair(b, "bench/pair", true)
		for b.Loop() {
			publish(b, pub)
			s, ok, err := sub.TryReceive()
			if !ok || err != nil {
				b.Fatal(ok, err)
			}
			s.Release()
		}
	})
	b.Run("Latest/unchanged", func(b *testing.B) {
		pub, sub := newPair(b, "bench/latest", true)
		publish(b, pub)
		for b.Loop() {
			s, ok, err := sub.Latest()
			if !ok || err != nil {
				b.Fatal(ok, err)
			}
			s.Release()
		}
	})
}

// BenchmarkConcurrent measures many goroutines that publish with one publisher.
func BenchmarkConcurrent(b *testing.B) {
	p := join(b, domain(b))
	pub, err := NewPublisher[[]byte](context.Background(), p, "bench/concurrent", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer pub.Close()
	payload := make([]byte, 64)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := pub.Publish(context.Background(), payload); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
