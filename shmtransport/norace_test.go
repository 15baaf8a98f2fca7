//go:build !race

package shmtransport

// slowdown divides the work of long tests; see race_test.go.
const slowdown = 1
