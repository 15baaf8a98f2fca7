package sigbus

import (
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// At is In for the page of one word.
func At(recovered any, word *atomic.Uint32) bool {
	return In(recovered, unsafe.Slice((*byte)(unsafe.Pointer(word)), 4))
}

// In reports whether what recover returned is a fault in the pages of b, which is mapped memory. The kernel tells some CPUs'
// faults by their page alone.
func In(recovered any, b []byte) bool {
	e, ok := recovered.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok || len(b) == 0 {
		return false
	}
	page := ^uintptr(os.Getpagesize() - 1)
	first := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	last := first + uintptr(len(b)) - 1
	at := e.Addr() & page
	return at >= first&page && at <= last&page
}
