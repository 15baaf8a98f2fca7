//go:build race

package integration

// slowdown divides the work of long tests: the race detector makes it many times slower.
const slowdown = 10
