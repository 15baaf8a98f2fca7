package lastvalue

import "encoding/binary"

// wordSize is the size of the words that a value is made of.
const wordSize = 8

// fill writes value number n: n in every word, and in what is left at the end its first bytes.
func fill(b []byte, n uint64) {
	for ; len(b) >= wordSize; b = b[wordSize:] {
		binary.LittleEndian.PutUint64(b, n)
	}
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
}

// number returns which value b is, and whether all of it is of the same.
func number(b []byte) (n uint64, whole bool) {
	n = binary.LittleEndian.Uint64(b)
	differ := uint64(0)
	for ; len(b) >= 4*wordSize; b = b[4*wordSize:] {
		differ |= binary.LittleEndian.Uint64(b) ^ n | binary.LittleEndian.Uint64(b[wordSize:]) ^ n |
			binary.LittleEndian.Uint64(b[2*wordSize:]) ^ n | binary.LittleEndian.Uint64(b[3*wordSize:]) ^ n
	}
	for ; len(b) >= wordSize; b = b[wordSize:] {
		differ |= binary.LittleEndian.Uint64(b) ^ n
	}
	for i, c := range b {
		differ |= uint64(c ^ byte(n>>(8*i)))
	}
	return n, differ == 0
}
