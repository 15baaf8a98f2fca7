package trips

import (
	"syscall"
	"time"
)

// Nap sleeps in the kernel. The runtime's timers are too coarse for thousands of turns per second.
func Nap(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	syscall.Nanosleep(&ts, nil) // the caller reads the clock again
}
