//go:build race

package harness

// Slowdown divides the work of long tests: the race detector makes it many times slower.
const Slowdown = 10

// SurvivesTruncation says that a program survives the truncation of every file that it reads. The race detector looks at an atomic's address
// in Go, where a fault is a panic, and then accesses it in C, where it is the end; a file may be cut in between.
const SurvivesTruncation = false
