package cdr

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

const (
	headerSize = 4
	cdrBig     = 0 // representation identifiers of the header, in its second byte
	cdrLittle  = 1
)

// A reader reads the body of a payload, which follows the encapsulation header. Positions and alignments count from there. It checks
// that bytes are left before it uses them, and reads each byte once.
type reader struct {
	src []byte
	pos int
	big bool
}

func newReader(payload []byte) (reader, *FieldError) {
	if len(payload) < headerSize {
		return reader{}, &FieldError{Err: errLeft(headerSize, len(payload))}
	}
	high, low := payload[0], payload[1]
	if high != 0 || low > cdrLittle {
		return reader{}, &FieldError{Err: fmt.Errorf("representation %02x%02x is not XCDR1 of a plain type (0000 or 0001)", high, low)}
	}
	return reader{src: payload[headerSize:], big: low == cdrBig}, nil
}

// fault is an error at the current position.
func (r *reader) fault(err error) *FieldError {
	return &FieldError{Offset: headerSize + r.pos, Err: err}
}

func (r *reader) left() int { return len(r.src) - r.pos }

// end checks that the payload is used up. A writer may fill the payload up to a multiple of four bytes.
func (r *reader) end() *FieldError {
	if left := r.left(); left >= 4 || left > 0 && len(r.src)%4 != 0 {
		return r.fault(fmt.Errorf("%d bytes follow the value", left))
	}
	return nil
}

// take returns the next n bytes after padding.
func (r *reader) take(n, align int) ([]byte, *FieldError) {
	if n == 0 {
		return nil, nil
	}
	at := (r.pos + align - 1) &^ (align - 1)
	if n > len(r.src)-at {
		return nil, r.fault(errLeft(at-r.pos+n, r.left()))
	}
	r.pos = at + n
	return r.src[at:r.pos:r.pos], nil
}

// number returns the next number of the given width.
func (r *reader) number(width int) (uint64, *FieldError) {
	b, err := r.take(width, width)
	if err != nil {
		return 0, err
	}
	order := r.order()
	switch width {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(order.Uint16(b)), nil
	case 4:
		return uint64(order.Uint32(b)), nil
	}
	return order.Uint64(b), nil
}

func (r *reader) order() binary.ByteOrder {
	if r.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// uint32 returns the next uint32.
func (r *reader) uint32() (uint32, *FieldError) {
	at := (r.pos + 3) &^ 3
	if at+4 > len(r.src) {
		return 0, r.fault(errLeft(at-r.pos+4, r.left()))
	}
	r.pos = at + 4
	if r.big {
		return binary.BigEndian.Uint32(r.src[at:]), nil
	}
	return binary.LittleEndian.Uint32(r.src[at:]), nil
}

// count returns the next number of elements, each of which has at least one byte.
func (r *reader) count(bound int) (int, *FieldError) {
	n, err := r.uint32()
	switch {
	case err != nil:
		return 0, err
	case uint64(n) > uint64(r.left()):
		r.pos -= 4
		return 0, r.fault(errCount(n, r.left()-4))
	case bound != unbounded && int(n) > bound:
		r.pos -= 4
		return 0, r.fault(errBound(int(n), bound))
	}
	return int(n), nil
}

// text returns the bytes of the next string without its end. Some writers leave the end of an empty string out.
func (r *reader) text(bound int) ([]byte, *FieldError) {
	n, err := r.count(unbounded)
	if err != nil || n == 0 {
		return nil, err
	}
	if bound != unbounded && n-1 > bound {
		r.pos -= 4
		return nil, r.fault(errBound(n-1, bound))
	}
	b := r.src[r.pos : r.pos+n]
	if b[n-1] != 0 {
		r.pos += n - 1
		return nil, r.fault(errTerminator)
	}
	r.pos += n
	return b[: n-1 : n-1], nil
}

// wideText returns the next wstring. ROS 2 writes each unit of UTF-16 in four bytes, and no end.
func (r *reader) wideText(bound int) (string, *FieldError) {
	n, err := r.count(bound)
	if err != nil {
		return "", err
	}
	if n > r.left()/4 {
		r.pos -= 4
		return "", r.fault(errCount(uint32(n), r.left()-4))
	}
	units := make([]uint16, n)
	for i := range units {
		u, err := r.uint32()
		if err != nil {
			return "", err
		}
		if u > 0xffff {
			r.pos -= 4
			return "", r.fault(errWideUnit)
		}
		units[i] = uint16(u)
	}
	return string(utf16.Decode(units)), nil
}
