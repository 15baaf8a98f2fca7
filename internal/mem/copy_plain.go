//go:build race || !amd64

package mem

// Copy is copy for payloads in memory that another processor reads: the same bytes, the same result, also if dst and src
// overlap. A fault in the memory is a panic as in copy.
func Copy(dst, src []byte) int { return copy(dst, src) }
