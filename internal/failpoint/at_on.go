//go:build shmbus_failpoints

package failpoint

import "sync/atomic"

var visit atomic.Pointer[func(step string)]

// At is where a step, named as in docs/protocol.md, is done and the next is not begun.
func At(step string) {
	if f := visit.Load(); f != nil {
		(*f)(step)
	}
}

// Visit has f called at every point that any goroutine comes to from now on, on that goroutine.
func Visit(f func(step string)) { visit.Store(&f) }
