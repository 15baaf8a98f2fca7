package pace

import (
	"syscall"
	"time"
)

// nap sleeps in the kernel, which wakes within some 50 microseconds where the runtime's own timers take a millisecond.
func nap(d time.Duration) {
	for end := time.Now().Add(d); d > 0; d = time.Until(end) {
		ts := syscall.NsecToTimespec(int64(d))
		if syscall.Nanosleep(&ts, nil) == nil {
			return
		}
	}
}
