package clock

import "time"

// A Stamp is a moment in nanoseconds of CLOCK_MONOTONIC, as Clock.Now returns it. All processes of one boot share that clock,
// whatever their time namespace. It never jumps, and it stands still while the machine is suspended. The difference of two
// stamps is a duration in nanoseconds. 0 means no moment.
type Stamp int64

// Time returns the stamp as wall-clock time, by the offset between both clocks now, and the zero Time for 0. If the wall clock
// was set or the machine was suspended after the stamp, the result differs by that much from what the wall clock showed at
// that moment. Time reads both clocks several times and a file of /proc, which takes some microseconds.
func (s Stamp) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	r := New().Read()
	return time.Unix(0, r.Wall+int64(s)-r.Stamp)
}
