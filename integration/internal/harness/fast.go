//go:build !race

package harness

// Slowdown divides the work of long tests.
const Slowdown = 1

// SurvivesTruncation says that a program survives the truncation of every file that it reads.
const SurvivesTruncation = true
