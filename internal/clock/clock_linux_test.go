package clock

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestNanotime_IsTheKernelsMonotonicClock(t *testing.T) {
	for range 1000 {
		before := nanotime()
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			t.Fatal(err)
		}
		if after := nanotime(); ts.Nano() < before || ts.Nano() > after {
			t.Fatalf("between %d and %d the kernel says %d", before, after, ts.Nano())
		}
	}
}
