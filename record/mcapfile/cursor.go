package mcapfile

import (
	"encoding/binary"
	"io"
)

// A cursor reads the fields of a record in order. After the first field that does not fit, err is set and every further
// field is zero.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) take(n uint64) []byte {
	if c.err != nil || n > uint64(len(c.b)) {
		c.err = io.ErrUnexpectedEOF
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) string() string { return string(c.take(uint64(c.uint32()))) }

// entries returns the number of entries that strings would return. It does not move the cursor.
func (c *cursor) entries() (n uint64) {
	in := cursor{b: c.b, err: c.err}
	in = cursor{b: in.take(uint64(in.uint32())), err: in.err}
	for in.err == nil && len(in.b) > 0 {
		in.take(uint64(in.uint32()))
		in.take(uint64(in.uint32()))
		n++
	}
	if c.err == nil {
		c.err = in.err
	}
	return n
}

func (c *cursor) strings() map[string]string {
	in := cursor{b: c.take(uint64(c.uint32())), err: c.err}
	m := make(map[string]string)
	for in.err == nil && len(in.b) > 0 {
		k := in.string()
		v := in.string()
		if in.err == nil {
			m[k] = v
		}
	}
	if c.err == nil {
		c.err = in.err
	}
	return m
}

// appendText appends the length and the bytes of a text.
func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}
