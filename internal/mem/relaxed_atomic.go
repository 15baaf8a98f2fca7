//go:build race || !(amd64 || arm64 || riscv64 || loong64 || ppc64le)

package mem

import "sync/atomic"

// Add64 adds d to a counter that only the caller writes. On 32-bit CPUs a plain store could be seen half done, and under
// the race detector every access to shared figures must be an atomic one.
func Add64(w *atomic.Uint64, d uint64) { w.Store(w.Load() + d) }

// Set64 stores v in a figure that only the caller writes, with the same promise as Add64.
func Set64(w *atomic.Uint64, v uint64) { w.Store(v) }

// Release32 stores v behind everything that the caller read and wrote before.
func Release32(w *atomic.Uint32, v uint32) { w.Store(v) }

// Release64 is Release32 for a word of 64 bits.
func Release64(w *atomic.Uint64, v uint64) { w.Store(v) }
