//go:build !linux

package record

import "time"

func nanosleep(d time.Duration) { time.Sleep(d) }
