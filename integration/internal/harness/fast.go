//go:build !race

package harness

// Slowdown divides the work of long tests.
const Slowdown = 1

// CutsSurvived is whether a program outlives every file that is cut while it reads it.
const CutsSurvived = true
