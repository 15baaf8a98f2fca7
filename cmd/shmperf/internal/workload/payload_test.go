package workload

import "testing"

func TestPayload_EveryByteIsChecked(t *testing.T) {
	piece := newBlock()
	for _, size := range []int{0, 1, 7, 8, 9, 64, payloadBlock - 1, payloadBlock, payloadBlock + 1, 2*payloadBlock + headSize + 1} {
		b := make([]byte, size)
		fillPayload(b, piece)
		r := newPayloadReader(Link{Size: size})
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
				t.Fatalf("%d bytes: a wrong byte %d is not reported", size, i)
			}
			b[i] ^= 0x80
			if i == begin+100 {
				i = max(i, size-100)
			}
		}
	}
}
