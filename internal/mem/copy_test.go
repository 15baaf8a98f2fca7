package mem

import (
	"bytes"
	"testing"
)

// pattern returns n bytes of which neighbours differ.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) + byte(i>>8)*7 + seed
	}
	return b
}

// checkCopy compares Copy with copy within one array, whose other bytes must stay as they are.
func checkCopy(t *testing.T, room, dst, dstLen, src, srcLen int) {
	t.Helper()
	got, want := pattern(room, 3), pattern(room, 3)
	n := copy(want[dst:dst+dstLen], want[src:src+srcLen])
	if m := Copy(got[dst:dst+dstLen], got[src:src+srcLen]); m != n {
		t.Fatalf("Copy to [%d:%d] from [%d:%d] returned %d, want %d", dst, dst+dstLen, src, src+srcLen, m, n)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("Copy to [%d:%d] from [%d:%d] made other bytes than copy", dst, dst+dstLen, src, src+srcLen)
	}
}

func TestCopy_EveryLength(t *testing.T) {
	for n := range 4097 {
		checkCopy(t, 16<<10, 64+n%61, n, 8<<10+n%67, n)
	}
}

func TestCopy_EveryAlignment(t *testing.T) {
	for dst := range 65 {
		for src := range 65 {
			checkCopy(t, 16<<10, dst, 4100, 8<<10+src, 4100)
		}
	}
	for off := range 4096 { // within a page, and in both orders
		checkCopy(t, 24<<10, off, 4096, 12<<10, 4096)
		checkCopy(t, 24<<10, 12<<10, 4096, off, 4096)
	}
}

func TestCopy_Overlap(t *testing.T) {
	for _, n := range []int{1 << 10, 4 << 10, 5000} {
		for _, d := range []int{0, 1, 7, 63, 64, 65, n - 1, n, n + 1} {
			checkCopy(t, 16<<10, 100, n, 100+d, n)
			checkCopy(t, 16<<10, 100+d, n, 100, n)
		}
	}
}

func TestCopy_ShorterSideCounts(t *testing.T) {
	checkCopy(t, 32<<10, 1, 5000, 16<<10, 9000)
	checkCopy(t, 32<<10, 1, 9000, 16<<10, 5000)
	checkCopy(t, 32<<10, 1, 0, 16<<10, 9000)
	checkCopy(t, 8<<20, 5, 1<<20, 4<<20, 3<<20)
	checkCopy(t, 8<<20, 5, 1<<20-1, 4<<20, 3<<20)
}

func FuzzCopy(f *testing.F) {
	f.Add(uint16(0), uint16(4096), uint16(8192), uint16(4096))
	f.Add(uint16(1), uint16(3072), uint16(17), uint16(9999))
	f.Fuzz(func(t *testing.T, dst, dstLen, src, srcLen uint16) {
		checkCopy(t, 128<<10, int(dst), int(dstLen), int(src), int(srcLen))
	})
}
