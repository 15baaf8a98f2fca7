package mcapfile

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

// payload is as compressible as typical sensor data: half of it repeats.
func payload(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range n / 2 {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func BenchmarkWrite(b *testing.B) {
	for name, n := range map[string]int{"64B": 64, "4kB": 4 << 10, "1MB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			w, err := NewWriter(io.Discard, nil)
			if err != nil {
				b.Fatal(err)
			}
			ch, _ := w.AddChannel(variety[0])
			m := Message{Channel: ch, Data: payload(n)}
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				m.LogTime++
				if err := w.Write(&m); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	var file bytes.Buffer
	w, err := NewWriter(&file, nil)
	if err != nil {
		b.Fatal(err)
	}
	ch, _ := w.AddChannel(variety[0])
	const messages = 10_000
	for i := range messages {
		if err := w.Write(&Message{Channel: ch, LogTime: uint64(i), Data: payload(1000)}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, err := NewPlan(bytes.NewReader(file.Bytes()), int64(file.Len()), nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range p.InOrder() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*messages/b.Elapsed().Seconds(), "messages/s")
}
