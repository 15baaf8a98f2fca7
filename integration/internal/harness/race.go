//go:build race

package harness

// Slowdown divides the work of long tests: the race detector makes it many times slower.
const Slowdown = 10

// CutsSurvived is whether a program outlives every file that is cut while it reads it. The race detector looks at an atomic's address
// in Go, where a fault is a panic, and then accesses it in C, where it is the end; a file may be cut in between.
const CutsSurvived = false
