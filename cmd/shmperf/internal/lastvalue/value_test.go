package lastvalue

import "testing"

func TestAValueIsWholeUntilOneByteIsOfAnother(t *testing.T) {
	const one, other = 0x0123456789abcdef, 0xfedcba9876543210 // no byte in common
	for size := MinSize; size < 5*wordSize; size++ {
		b, c := make([]byte, size), make([]byte, size)
		fill(b, one)
		fill(c, other)
		if n, whole := number(b); n != one || !whole {
			t.Fatalf("%d bytes: %#x, %v", size, n, whole)
		}
		for i := range b {
			torn := append([]byte(nil), b...)
			torn[i] = c[i]
			if _, whole := number(torn); whole {
				t.Errorf("%d bytes, byte %d of another value: whole", size, i)
			}
		}
	}
}
