package pair

import (
	"encoding/binary"
	"fmt"
)

// word is what every payload is made of, and headSize the bytes at its beginning that hold a stamp, where there is room.
const (
	word     = 0x0123456789abcdef
	headSize = 8
	block    = 4096
)

// fill writes every byte of b.
func fill(b []byte) {
	n, pattern := min(len(b), block), uint64(word)
	for i := range n {
		b[i] = byte(pattern >> (8 * (i % 8)))
	}
	for ; n < len(b); n += copy(b[n:], b[:block]) {
	}
}

// Sum reads every byte of b.
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

// whole is the sum of what fill writes into size bytes.
func whole(size int) uint64 {
	b := make([]byte, size)
	fill(b)
	return Sum(b)
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
	want  uint64 // the sum without what the head holds
	into  []byte
	one   byte // keeps the compiler from leaving out what reads one byte
}

func newReader(o Order) *reader {
	r := &reader{order: o, want: whole(o.Size), into: make([]byte, o.Size)}
	if o.Size >= headSize {
		r.want -= word
	}
	return r
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
	got := Sum(b)
	if stamp, ok := head(b); ok {
		got -= uint64(stamp)
	}
	if got != r.want {
		return fmt.Errorf("received %d bytes that are not those that were sent", len(b))
	}
	return nil
}
