//go:build (race || 386) && !emulated

package shmtransport

// slowdown divides the work of long tests: the race detector and emulators make it many times slower, and of a 32-bit program on
// a 64-bit processor it is the arithmetic that is tested.
const slowdown = 10
