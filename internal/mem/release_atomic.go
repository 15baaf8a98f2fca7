//go:build !race && (arm64 || riscv64 || loong64 || ppc64le)

package mem

import "sync/atomic"

func release32(w *atomic.Uint32, v uint32) { w.Store(v) }

func release64(w *atomic.Uint64, v uint64) { w.Store(v) }
