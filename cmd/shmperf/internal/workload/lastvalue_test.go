package workload

import "testing"

func TestValue_OneByteOfAnotherIsTorn(t *testing.T) {
	const one, other = 0x0123456789abcdef, 0xfedcba9876543210 // no byte in common
	for size := MinValueSize; size < 5*valueWord; size++ {
		b, c := make([]byte, size), make([]byte, size)
		fillValue(b, one)
		fillValue(c, other)
		if n, whole := valueNumber(b); n != one || !whole {
			t.Fatalf("%d bytes: %#x, %v", size, n, whole)
		}
		for i := range b {
			torn := append([]byte(nil), b...)
			torn[i] = c[i]
			if _, whole := valueNumber(torn); whole {
				t.Errorf("%d bytes, byte %d of another value: whole", size, i)
			}
		}
	}
}
