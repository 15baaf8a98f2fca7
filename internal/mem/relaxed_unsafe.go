//go:build !race && (amd64 || arm64 || riscv64 || loong64 || ppc64le)

package mem

import (
	"sync/atomic"
	"unsafe"
)

// Add64 adds d to a counter that only the caller writes. Readers see the old or the new value, never half of one: an
// aligned 64-bit store is one access on these CPUs. It orders nothing, which is what makes it cheap; use it for figures
// people look at, never for the protocol.
func Add64(w *atomic.Uint64, d uint64) {
	p := (*uint64)(unsafe.Pointer(w))
	*p += d
}

// Set64 stores v in a figure that only the caller writes, with the same promise as Add64.
func Set64(w *atomic.Uint64, v uint64) {
	p := (*uint64)(unsafe.Pointer(w))
	*p = v
}

// Release32 stores v behind everything that the caller read and wrote before: a process that loads v atomically may rely on that. A
// later load of the caller may come before the store; where that matters use an atomic store.
func Release32(w *atomic.Uint32, v uint32) { release32(w, v) }

// Release64 is Release32 for a word of 64 bits.
func Release64(w *atomic.Uint64, v uint64) { release64(w, v) }
