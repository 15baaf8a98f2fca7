// Package clock reads the time that all processes of a machine share: nanoseconds of CLOCK_MONOTONIC.
//
// A time namespace (time_namespaces(7)) adds an offset to that clock, which this package subtracts.
//
// Samples are stamped with this time because it never jumps and costs one clock read. A Wall converts stamps to wall-clock time with
// the offset at the time of the stamp, as far as this process has observed it: the wall clock may be set at any moment, and it continues
// while the machine is suspended.
package clock

import (
	"math"
	"time"
)

// A Clock reads CLOCK_MONOTONIC through the runtime's own reading of it: one vDSO call, where time.Now makes two.
// The zero Clock is not usable; see New. A Clock is immutable and safe for concurrent use.
type Clock struct {
	base time.Time
	mono int64
}

// New calibrates a Clock. The kernel's figure and the runtime's are read next to each other a few times and the
// closest pair is kept, so two processes agree to well under a microsecond.
func New() Clock {
	best := int64(math.MaxInt64)
	var c Clock
	for range 8 {
		before := time.Now()
		mono := monotonic()
		gap := time.Since(before)
		if int64(gap) < best {
			best = int64(gap)
			c = Clock{base: before.Add(gap / 2), mono: mono}
		}
	}
	c.mono -= namespaceOffset()
	return c
}

// Now returns nanoseconds since an epoch shared by all processes of this boot, in whichever time namespace they are.
func (c Clock) Now() int64 {
	return c.mono + int64(time.Since(c.base))
}
