//go:build !linux

package record

import "time"

func nap(d time.Duration) { time.Sleep(d) }
