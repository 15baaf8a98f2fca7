// Package clock tells the time that all processes of a machine share: nanoseconds of CLOCK_MONOTONIC.
//
// In a time namespace (time_namespaces(7)), where that clock has an offset, the offset is taken out again.
//
// Samples are stamped with it because it never jumps and costs one clock read. A Wall turns stamps into wall-clock time, by
// the offset that held at the stamp as far as this process has seen it: the wall clock may be set at any moment, and goes on
// while the machine is suspended.
package clock
