package measure

import (
	"syscall"
	"time"
)

// Nap sleeps in the kernel, which wakes within some 50 microseconds. The runtime's own timers take a millisecond.
func Nap(d time.Duration) {
	for end := time.Now().Add(d); d > 0; d = time.Until(end) {
		ts := syscall.NsecToTimespec(int64(d))
		if syscall.Nanosleep(&ts, nil) == nil {
			return
		}
	}
}
