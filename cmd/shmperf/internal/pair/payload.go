package pair

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// word is what every payload is made of, and headSize the bytes at its beginning that hold a stamp, where there is room.
const (
	word     = 0x0123456789abcdef
	headSize = 8
)

// block is the length of the piece that large payloads are made of. It stays in the cache next to the processor, and takes
// long enough to copy that its beginning does not matter.
const block = 16 << 10

// newBlock returns such a piece.
func newBlock() []byte {
	b := make([]byte, 0, block)
	for len(b) < block {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	return b
}

// fill writes every byte of b.
func fill(b, piece []byte) {
	for len(b) > 0 {
		b = b[copy(b, piece):]
	}
}

// filled reads every byte of b and reports whether it is what fill wrote. A loop that adds up words takes twice as long: it has
// few cache lines on their way from the other processor at a time.
func filled(b, piece []byte) bool {
	for len(b) > len(piece) {
		if !bytes.Equal(b[:len(piece)], piece) {
			return false
		}
		b = b[len(piece):]
	}
	return bytes.Equal(b, piece[:len(b)])
}

// Sum reads every byte of b, of which there are few.
func Sum(b []byte) uint64 {
	var s0, s1, s2, s3 uint64
	for ; len(b) >= 32; b = b[32:] {
		s0 += binary.LittleEndian.Uint64(b)
		s1 += binary.LittleEndian.Uint64(b[8:])
		s2 += binary.LittleEndian.Uint64(b[16:])
		s3 += binary.LittleEndian.Uint64(b[24:])
	}
	for ; len(b) >= 8; b = b[8:] {
		s0 += binary.LittleEndian.Uint64(b)
	}
	for _, c := range b {
		s1 += uint64(c)
	}
	return s0 + s1 + s2 + s3
}

func setHead(b []byte, stamp int64) {
	if len(b) >= headSize {
		binary.LittleEndian.PutUint64(b, uint64(stamp))
	}
}

func head(b []byte) (stamp int64, ok bool) {
	if len(b) < headSize {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(b)), true
}

// A reader reads payloads of one size and notices those that are not what was sent.
type reader struct {
	order Order
	piece []byte // what payloads are made of
	into  []byte
	stamp int64 // the head of the last payload
	one   byte  // keeps the compiler from leaving out what reads one byte
}

func newReader(o Order) *reader {
	return &reader{order: o, piece: newBlock(), into: make([]byte, o.Size)}
}

func (r *reader) read(b []byte) error {
	if len(b) != r.order.Size {
		return fmt.Errorf("received %d bytes of %d", len(b), r.order.Size)
	}
	if r.order.Copy {
		copy(r.into, b)
		b = r.into
	}
	if r.order.TouchOne {
		r.one += b[0]
		return nil
	}
	rest := b
	if stamp, ok := head(b); ok { // which may be anything
		r.stamp, rest = stamp, b[headSize:]
	}
	if !filled(rest, r.piece) {
		return fmt.Errorf("received %d bytes that are not those that were sent", len(b))
	}
	return nil
}
