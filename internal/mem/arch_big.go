//go:build mips || mips64 || ppc64 || s390x

package mem

// LowHalf is the offset of the lower 32 bits within a 64-bit word: what a futex on the word compares.
const LowHalf = 4
