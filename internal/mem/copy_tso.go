//go:build !race && amd64

package mem

// StoreBytes copies src to the beginning of dst, at most a few hundred bytes, in order: behind what the caller stored before,
// before what it stores later. Others may read dst meanwhile and then see any mixture. dst begins on a word of 64 bits and has
// room for whole ones.
//
// On amd64 ordinary stores do that, and so do those of copy, which writes around the cache only where there is much more.
//
//go:noinline
func StoreBytes(dst, src []byte) {
	_ = dst[:(len(src)+7)&^7]
	copy(dst, src)
}
