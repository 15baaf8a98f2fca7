// Package clock reads the time that all processes of a machine share: nanoseconds of CLOCK_MONOTONIC.
//
// A time namespace (time_namespaces(7)) adds an offset to that clock, which this package subtracts. Apart from that a reading is the
// kernel's figure itself, so the readings of all processes are in one order: a reading that is made after another one is not less.
//
// Samples are stamped with this time because it never jumps and costs one clock read. A Wall converts stamps to wall-clock time with
// the offset at the time of the stamp, as far as this process has observed it: the wall clock may be set at any moment, and it continues
// while the machine is suspended.
package clock

import _ "unsafe" // for linkname

// A Clock reads CLOCK_MONOTONIC by one vDSO call, where time.Now makes two.
// The zero Clock is not usable; see New. A Clock is immutable and safe for concurrent use.
type Clock struct {
	offset int64 // ns that the time namespace of this process adds
	made   bool  // distinguishes a Clock from the zero Clock
}

// New returns a Clock for the time namespace of this process. It reads a file of /proc.
func New() Clock { return Clock{offset: namespaceOffset(), made: true} }

// Now returns nanoseconds since an epoch shared by all processes of this boot, in whichever time namespace they are.
func (c Clock) Now() int64 { return nanotime() - c.offset }

// nanotime is the runtime's reading of its monotonic clock, in ns. On Linux that is CLOCK_MONOTONIC, read through the vDSO. The time
// package uses the same function, but shows only differences to a reading of its own.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// Monotonic returns nanoseconds of CLOCK_MONOTONIC in the time namespace of this process, as system calls take them for deadlines.
func Monotonic() int64 { return nanotime() }
