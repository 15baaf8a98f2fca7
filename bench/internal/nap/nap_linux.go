package nap

import (
	"syscall"
	"time"
)

// For sleeps in the kernel. The runtime's timers are too coarse for thousands of turns per second.
func For(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	syscall.Nanosleep(&ts, nil) // the caller reads the clock again
}
