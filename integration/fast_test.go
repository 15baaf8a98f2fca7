//go:build !race

package integration

// slowdown divides the work of long tests; see slow_test.go.
const slowdown = 1

// cutsSurvived is whether a program outlives every file that is cut while it reads it; see slow_test.go.
const cutsSurvived = true
