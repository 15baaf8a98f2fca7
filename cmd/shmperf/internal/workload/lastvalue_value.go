package workload

import "encoding/binary"

// valueWord is the size of the words that a value is made of.
const valueWord = 8

// fillValue writes value number n: n in every word, and its first bytes in the rest at the end.
func fillValue(b []byte, n uint64) {
	for ; len(b) >= valueWord; b = b[valueWord:] {
		binary.LittleEndian.PutUint64(b, n)
	}
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
}

// valueNumber returns the number of value b, and whether all of it is of the same value.
func valueNumber(b []byte) (n uint64, whole bool) {
	n = binary.LittleEndian.Uint64(b)
	differ := uint64(0)
	for ; len(b) >= 4*valueWord; b = b[4*valueWord:] {
		differ |= binary.LittleEndian.Uint64(b) ^ n | binary.LittleEndian.Uint64(b[valueWord:]) ^ n |
			binary.LittleEndian.Uint64(b[2*valueWord:]) ^ n | binary.LittleEndian.Uint64(b[3*valueWord:]) ^ n
	}
	for ; len(b) >= valueWord; b = b[valueWord:] {
		differ |= binary.LittleEndian.Uint64(b) ^ n
	}
	for i, c := range b {
		differ |= uint64(c ^ byte(n>>(8*i)))
	}
	return n, differ == 0
}
