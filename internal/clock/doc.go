// Package clock tells the time that all processes of a machine share: nanoseconds of CLOCK_MONOTONIC.
//
// In a time namespace (time_namespaces(7)), where that clock has an offset, the offset is taken out again.
//
// Samples are stamped with it because it never jumps and costs one clock read. It is turned into wall-clock time only
// when somebody asks for that, with the offset of that moment; a machine that was suspended in between shifts the wall
// time of samples older than the suspension.
package clock
