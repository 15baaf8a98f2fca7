//go:build !race && amd64

package mem

import (
	"sync/atomic"
	"unsafe"
)

// On amd64 an ordinary store is a release store (no load or store of the same CPU passes behind it), and several times
// cheaper than the exchange that atomic.Store is. That the compiler does not move anything over it either is what noinline
// is for.
//
//go:noinline
func release32(w *atomic.Uint32, v uint32) {
	*(*uint32)(unsafe.Pointer(w)) = v
}

//go:noinline
func release64(w *atomic.Uint64, v uint64) {
	*(*uint64)(unsafe.Pointer(w)) = v
}
