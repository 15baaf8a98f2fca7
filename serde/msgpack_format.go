package serde

// A tokenClass is the kind of data that follows the head of a MsgPack token.
type tokenClass uint8

const (
	scalar    tokenClass = iota // no data
	bytesLike                   // length bytes
	extension                   // length bytes; the last byte of the head is the extension's type
	container                   // length values
	reserved                    // the one undefined code
)

// maxHead is the length of the longest head: a code and a 64-bit number.
const maxHead = 9

// Extension types with a meaning in the library.
const (
	timeExtension     = -1
	internedExtension = -128
)

// A tokenKind is the information in the first byte of a MsgPack token.
type tokenKind struct {
	class  tokenClass
	head   int    // bytes, including the first
	size   int    // bytes of the big-endian length after the first byte
	fixed  uint64 // length if size is 0
	values uint64 // values per unit of length: 2 in maps
}

func kindOf(code byte) tokenKind {
	switch {
	case code <= 0x7f || code >= 0xe0: // small numbers
		return tokenKind{class: scalar, head: 1}
	case code <= 0x8f:
		return tokenKind{class: container, head: 1, fixed: uint64(code & 0x0f), values: 2}
	case code <= 0x9f:
		return tokenKind{class: container, head: 1, fixed: uint64(code & 0x0f), values: 1}
	case code <= 0xbf:
		return tokenKind{class: bytesLike, head: 1, fixed: uint64(code & 0x1f), values: 1}
	}
	return longKinds[code-0xc0]
}

// longKinds are the codes from c0 to df.
var longKinds = [0x20]tokenKind{
	0x00: {class: scalar, head: 1}, // nil
	0x01: {class: reserved, head: 1},
	0x02: {class: scalar, head: 1}, // false
	0x03: {class: scalar, head: 1}, // true
	0x04: {class: bytesLike, head: 2, size: 1, values: 1},
	0x05: {class: bytesLike, head: 3, size: 2, values: 1},
	0x06: {class: bytesLike, head: 5, size: 4, values: 1},
	0x07: {class: extension, head: 3, size: 1, values: 1},
	0x08: {class: extension, head: 4, size: 2, values: 1},
	0x09: {class: extension, head: 6, size: 4, values: 1},
	0x0a: {class: scalar, head: 5}, // float32
	0x0b: {class: scalar, head: 9}, // float64
	0x0c: {class: scalar, head: 2}, // uint8 to uint64
	0x0d: {class: scalar, head: 3},
	0x0e: {class: scalar, head: 5},
	0x0f: {class: scalar, head: 9},
	0x10: {class: scalar, head: 2}, // int8 to int64
	0x11: {class: scalar, head: 3},
	0x12: {class: scalar, head: 5},
	0x13: {class: scalar, head: 9},
	0x14: {class: extension, head: 2, fixed: 1, values: 1},
	0x15: {class: extension, head: 2, fixed: 2, values: 1},
	0x16: {class: extension, head: 2, fixed: 4, values: 1},
	0x17: {class: extension, head: 2, fixed: 8, values: 1},
	0x18: {class: extension, head: 2, fixed: 16, values: 1},
	0x19: {class: bytesLike, head: 2, size: 1, values: 1}, // str 8, 16, 32
	0x1a: {class: bytesLike, head: 3, size: 2, values: 1},
	0x1b: {class: bytesLike, head: 5, size: 4, values: 1},
	0x1c: {class: container, head: 3, size: 2, values: 1}, // array 16, 32
	0x1d: {class: container, head: 5, size: 4, values: 1},
	0x1e: {class: container, head: 3, size: 2, values: 2}, // map 16, 32
	0x1f: {class: container, head: 5, size: 4, values: 2},
}

// length is the number of bytes or values after the head.
func (k *tokenKind) length(head *[maxHead]byte) uint64 {
	n := k.fixed
	for _, b := range head[1 : 1+k.size] {
		n = n<<8 | uint64(b)
	}
	return n * k.values
}
