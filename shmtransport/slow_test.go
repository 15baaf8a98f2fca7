//go:build (race || 386) && !emulated

package shmtransport

// slowdown divides the work of long tests. The race detector and emulators make them many times slower. For a 32-bit
// program on a 64-bit processor only the arithmetic is under test.
const slowdown = 10
