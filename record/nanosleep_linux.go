package record

import (
	"syscall"
	"time"
)

// nanosleep sleeps in the kernel, which wakes within about 50 microseconds; the timers of the Go runtime take a
// millisecond. It occupies a thread and is therefore for short times.
func nanosleep(d time.Duration) {
	for end := time.Now().Add(d); d > 0; d = time.Until(end) {
		ts := syscall.NsecToTimespec(int64(d))
		if syscall.Nanosleep(&ts, nil) == nil {
			return
		}
	}
}
