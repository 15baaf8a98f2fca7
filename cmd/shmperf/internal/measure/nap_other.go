//go:build !linux

package measure

import "time"

// Nap sleeps.
func Nap(d time.Duration) { time.Sleep(d) }
