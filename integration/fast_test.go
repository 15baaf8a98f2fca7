//go:build !race

package integration

// slowdown divides the work of long tests; see slow_test.go.
const slowdown = 1
