//go:build race || !amd64

package mem

import "encoding/binary"

// StoreBytes copies src to the beginning of dst, at most a few hundred bytes, in order: behind what the caller stored before,
// before what it stores later. Others may read dst meanwhile and then see any mixture. dst begins on a word of 64 bits and has
// room for whole ones.
func StoreBytes(dst, src []byte) {
	words := Uint64s(dst, 0, (len(src)+7)/8)
	for i := range words {
		var w [8]byte
		copy(w[:], src[8*i:])
		words[i].Store(binary.NativeEndian.Uint64(w[:]))
	}
}
