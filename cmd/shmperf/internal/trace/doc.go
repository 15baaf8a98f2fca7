// Package trace counts the system calls of a measurement with strace.
//
// A process cannot count its own system calls, and whoever counts them from outside slows each of them down. So they are counted
// apart from what is timed: in two passes of different lengths, whose difference leaves out how processes begin and end.
package trace
