package topic

import (
	"strings"
	"testing"
)

// BenchmarkPublish measures one goroutine that publishes, receives and decodes, per sample.
func BenchmarkPublish(b *testing.B) {
	b.Run("string/64", func(b *testing.B) { benchmarkPublish(b, strings.Repeat("x", 64)) })
	b.Run("string/4096", func(b *testing.B) { benchmarkPublish(b, strings.Repeat("x", 4096)) })
	b.Run("struct", func(b *testing.B) { benchmarkPublish(b, pose{X: 1, Y: 2}) })
	b.Run("floats/100", func(b *testing.B) { benchmarkPublish(b, [100]float64{1: 1}) })
}

func benchmarkPublish[T any](b *testing.B, v T) {
	o := domain(b)
	pub := publisher[T](b, join(b, o), "x", nil)
	sub := subscriber[T](b, join(b, o), "x", nil)
	b.ReportAllocs()
	for b.Loop() {
		send(b, pub, v)
		s, ok, err := sub.TryReceive()
		if !ok {
			b.Fatal("no sample", err)
		}
		if _, err := s.Value(); err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
}
