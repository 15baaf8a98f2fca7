//go:build !linux

package trips

import "time"

// Nap sleeps for d or a little less.
func Nap(d time.Duration) { time.Sleep(d) }
