package mem

import "testing"

// A prefetch changes nothing and bears every length and alignment. sigbus_test.go has memory that is gone.
func TestPrefetch_ChangesNothing(t *testing.T) {
	const size = 1 << 10
	b := pattern(size, 1)
	for off := range 65 {
		for _, n := range []int{0, 1, 63, 64, 65, 128, len(b) - off} {
			PrefetchToRead(b[off:][:n])
			PrefetchToWrite(b[off:][:n])
		}
	}
	for i, want := range pattern(size, 1) {
		if b[i] != want {
			t.Fatalf("byte %d is %d, was %d", i, b[i], want)
		}
	}
}
