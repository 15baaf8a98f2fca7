//go:build !race && !386 && !emulated

package shmtransport

// slowdown divides the work of long tests; see slow_test.go.
const slowdown = 1
