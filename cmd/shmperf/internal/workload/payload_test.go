package workload

import (
	"fmt"
	"testing"
)

func TestPayload_EveryByteIsChecked(t *testing.T) {
	piece := newBlock()
	for _, size := range []int{0, 1, 7, 8, 9, 64, payloadBlock - 1, payloadBlock, payloadBlock + 1, 2*payloadBlock + headSize + 1} {
		b := make([]byte, size)
		fillPayload(b, piece)
		r := newPayloadReader(Link{Size: size})
		setHead(b, 42)
		if err := r.read(b, nil); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		begin := 0
		if size >= headSize {
			begin = headSize
		}
		for i := begin; i < size; i++ {
			b[i] ^= 0x80
			if r.read(b, nil) == nil {
				t.Fatalf("%d bytes: a wrong byte %d is not reported", size, i)
			}
			b[i] ^= 0x80
			if i == begin+100 {
				i = max(i, size-100)
			}
		}
	}
}

// BenchmarkPayloadReader measures the reading of a payload in the cache. It should be several times as fast as a stream.
func BenchmarkPayloadReader(b *testing.B) {
	for _, size := range []int{16 << 10, 64 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			payload, r := make([]byte, size), newPayloadReader(Link{Size: size})
			fillPayload(payload, r.piece)
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := r.read(payload, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
