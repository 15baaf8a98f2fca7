package plain

import "encoding/binary"

// A byteOrder is that of the integers in a payload. It reads and writes those of 1, 2, 4 and 8 bytes. An interface in its place
// would move every value to the heap that is encoded.
type byteOrder bool

const (
	littleEndian byteOrder = false
	bigEndian    byteOrder = true
)

// nativeOrder is the byte order of this processor.
func nativeOrder() byteOrder {
	return binary.NativeEndian.Uint16([]byte{0, 1}) == 1
}

func (o byteOrder) String() string {
	if o == bigEndian {
		return "big"
	}
	return "little"
}

// uint returns the integer that b is.
func (o byteOrder) uint(b []byte) uint64 {
	switch {
	case len(b) == 1:
		return uint64(b[0])
	case len(b) == 2 && o == bigEndian:
		return uint64(binary.BigEndian.Uint16(b))
	case len(b) == 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case len(b) == 4 && o == bigEndian:
		return uint64(binary.BigEndian.Uint32(b))
	case len(b) == 4:
		return uint64(binary.LittleEndian.Uint32(b))
	case o == bigEndian:
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// put makes b the integer with the bits v.
func (o byteOrder) put(b []byte, v uint64) {
	for i := range b {
		shift := 8 * i
		if o == bigEndian {
			shift = 8 * (len(b) - 1 - i)
		}
		b[i] = byte(v >> shift)
	}
}
