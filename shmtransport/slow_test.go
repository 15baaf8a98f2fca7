//go:build race && !emulated

package shmtransport

// slowdown divides the work of long tests: the race detector and emulators make it many times slower.
const slowdown = 10
