// Package mem has typed atomic views over bytes that may be shared with other processes. It is one of the few packages with unsafe.
//
// Every view is checked against the length of its slice and the alignment of its address, so a wrong offset is a panic in this process
// and never a stray access. Addresses are always a slice plus an offset. No address is stored as a number.
package mem

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// CacheLine is the distance, in bytes, at which two words written by different processes are kept apart.
const CacheLine = 64

// Uint32 returns the 32-bit atomic word at b[off:]. The word is valid as long as the memory behind b is.
func Uint32(b []byte, off int) *atomic.Uint32 {
	return (*atomic.Uint32)(word(b, off, 4))
}

// Uint64 returns the 64-bit atomic word at b[off:]. The word is valid as long as the memory behind b is.
func Uint64(b []byte, off int) *atomic.Uint64 {
	return (*atomic.Uint64)(word(b, off, 8))
}

func word(b []byte, off, size int) unsafe.Pointer {
	p := unsafe.Pointer(&b[off : off+size : off+size][0])
	if uintptr(p)%uintptr(size) != 0 {
		panic(fmt.Sprintf("mem: misaligned %d-byte word at offset %d", size, off))
	}
	return p
}

// Uint64s returns the n 64-bit atomic words at b[off:].
func Uint64s(b []byte, off, n int) []atomic.Uint64 {
	if n == 0 {
		return nil
	}
	_ = b[off : off+8*n]
	return unsafe.Slice((*atomic.Uint64)(word(b, off, 8)), n)
}

// Uint32s returns the n 32-bit atomic words at b[off:].
func Uint32s(b []byte, off, n int) []atomic.Uint32 {
	if n == 0 {
		return nil
	}
	_ = b[off : off+4*n]
	return unsafe.Slice((*atomic.Uint32)(word(b, off, 4)), n)
}

// Alloc returns n zero bytes on the heap, aligned for every view of this package. It is what the ring runs over when no
// other process is meant to see it.
func Alloc(n int) []byte {
	words := make([]uint64, (n+7)/8)
	if len(words) == 0 {
		return []byte{}
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
}
