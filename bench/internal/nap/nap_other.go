//go:build !linux

package nap

import "time"

// For sleeps for d or a little less.
func For(d time.Duration) { time.Sleep(d) }
