package clock

import "golang.org/x/sys/unix"

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		// The kernel has had this clock since 2.6; without it nothing here can work.
		panic("clock: read CLOCK_MONOTONIC: " + err.Error())
	}
	return ts.Nano()
}
