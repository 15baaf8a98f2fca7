package shmtransport

import (
	"fmt"
	"testing"
)

// BenchmarkReceive measures one goroutine that publishes and receives, per sample: small samples and samples in slots, one
// by one and in batches.
func BenchmarkReceive(b *testing.B) {
	for _, size := range []int{64, 1024} {
		for _, batch := range []int{1, 64} {
			b.Run(fmt.Sprintf("size=%d/batch=%d", size, batch), func(b *testing.B) {
				h := newEntryRing(b, WriterOptions{Depth: 128, MaxPayload: size})
				r := h.reader(LinkRequest{}, ReaderOptions{})
				payloads := make([][]byte, batch)
				for i := range payloads {
					payloads[i] = make([]byte, size)
				}
				buf := make([]Sample, batch)
				b.ResetTimer()
				for range b.N / batch {
					h.w.PublishBatch(b.Context(), payloads)
					var n int
					var err error
					if batch == 1 {
						buf[0], err = r.Receive(b.Context())
						n = 1
					} else {
						n, err = r.ReceiveBatch(b.Context(), buf)
					}
					if n != batch || err != nil {
						b.Fatal(n, err)
					}
					for _, s := range buf {
						s.Release()
					}
				}
			})
		}
	}
}

// BenchmarkReader_SkipStale measures what a receive after a stall costs, per stale sample.
func BenchmarkReader_SkipStale(b *testing.B) {
	for _, size := range []int{64, 1024} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			const depth = 1024
			h := newEntryRing(b, WriterOptions{Depth: depth, MaxPayload: size})
			r := h.reader(LinkRequest{}, ReaderOptions{MaxAge: 1})
			payloads := make([][]byte, depth)
			for i := range payloads {
				payloads[i] = make([]byte, size)
			}
			for n := 0; n < b.N; n += depth {
				b.StopTimer()
				h.w.PublishBatch(b.Context(), payloads)
				b.StartTimer()
				if s, ok, err := tryReceive(r); ok || err != nil {
					b.Fatal(s.Sequence(), err)
				}
			}
		})
	}
}

// BenchmarkWriter_MemoryLimit measures a large publish that takes back others, beside 32 readers that take each sample, and beside one
// more that is stopped. It must not depend on the depth.
func BenchmarkWriter_MemoryLimit(b *testing.B) {
	const size, readers = 4096, 32
	for _, depth := range []int{64, 65536} {
		for _, stopped := range []int{0, 1} {
			for _, volatile := range []bool{false, true} {
				b.Run(fmt.Sprintf("depth=%d/stopped=%d/volatile=%t", depth, stopped, volatile), func(b *testing.B) {
					h := newEntryRing(b, WriterOptions{Depth: depth, MaxPayload: size, MemoryLimit: 256 << 10, Volatile: volatile})
					for range stopped {
						h.reader(LinkRequest{}, ReaderOptions{})
					}
					payload := make([]byte, size)
					publish := func() {
						if _, err := h.w.Publish(b.Context(), payload); err != nil {
							b.Fatal(err)
						}
					}
					for range depth {
						publish()
					}
					var all []*Reader
					for range readers {
						all = append(all, h.reader(LinkRequest{}, ReaderOptions{}))
					}
					for b.Loop() {
						publish()
						b.StopTimer()
						for _, r := range all {
							drain(b, r)
						}
						b.StartTimer()
					}
				})
			}
		}
	}
}
