//go:build amd64 || arm64

package mem

import "unsafe"

// PrefetchToWrite begins to fetch the cache lines of b, which should begin one, from other processors, for writing. It does not wait, and
// cannot fault.
func PrefetchToWrite(b []byte) {
	if len(b) > 0 {
		prefetchToWrite(unsafe.SliceData(b), len(b))
	}
}

// PrefetchToRead is PrefetchToWrite for reading. b may begin anywhere.
func PrefetchToRead(b []byte) {
	if len(b) > 0 {
		prefetchToRead(unsafe.SliceData(b), len(b))
	}
}

//go:noescape
func prefetchToRead(p *byte, n int)

// prefetchToWrite fetches at least one line, as prefetchToRead does.
//
//go:noescape
func prefetchToWrite(p *byte, n int)
