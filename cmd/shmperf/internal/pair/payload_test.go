package pair

import "testing"

func TestEveryByteOfAPayloadIsWrittenAndLookedAt(t *testing.T) {
	piece := newBlock()
	for _, size := range []int{0, 1, 7, 8, 9, 64, block - 1, block, block + 1, 2*block + headSize + 1} {
		b := make([]byte, size)
		fill(b, piece)
		r := newReader(Order{Size: size})
		setHead(b, 42)
		if err := r.read(b); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		begin := 0
		if size >= headSize {
			begin = headSize
		}
		for i := begin; i < size; i++ {
			b[i] ^= 0x80
			if r.read(b) == nil {
				t.Fatalf("%d bytes: byte %d is wrong, and nobody notices", size, i)
			}
			b[i] ^= 0x80
			if i == begin+100 {
				i = max(i, size-100)
			}
		}
	}
}
