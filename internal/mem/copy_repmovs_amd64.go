//go:build !race

package mem

import "golang.org/x/sys/cpu"

// REP MOVSB writes whole cache lines without fetching them. An ordinary store fetches its line first, from the processor that
// read the line last. docs/rationale.md has the figures. Below minString the start of the instruction costs more than the lines. From
// maxString on copy writes around the cache itself.
//
// Between minPrefetch and minString the lines are fetched all at once rather than one after the other.
const (
	minPrefetch = 128
	minString   = 3 << 10
	maxString   = 1 << 20
)

// Copy is copy for payloads in memory that another processor reads: the same bytes, the same result, also if dst and src
// overlap. A fault in the memory is a panic as in copy.
func Copy(dst, src []byte) int {
	n := min(len(dst), len(src))
	if n >= minPrefetch && n < minString {
		PrefetchToWrite(dst[:n])
	}
	if n < minString || n >= maxString || !cpu.X86.HasERMS || !moveString(dst, src[:n]) {
		return copy(dst, src)
	}
	return n
}

// moveString copies src, at least 64 bytes, to the beginning of dst, which is at least as long. If they overlap it copies nothing and
// returns false.
//
//go:noescape
func moveString(dst, src []byte) bool
