package serde

import (
	"errors"
	"fmt"
	"io"
)

var (
	errTooDeep        = fmt.Errorf("nested deeper than %d", MaxDepth)
	errOutOfStep      = errors.New("a value was read as something that it is not")
	errInterned       = errors.New("interned strings are not supported; remove the intern option from the struct tags")
	errEmptyExtension = errors.New("extension without data")
	errReserved       = errors.New("reserved code c1")
)

// A tokenReader hands a MsgPack payload to the library's decoder and stands between the two. The library believes every
// length it reads, and reserves memory for it; recurses as deep as the payload says; and reads a map out of the data of an
// extension when it expects a map and finds an extension. So the reader takes the payload apart itself, token by token as
// the library asks for it, and ends the reading as soon as a length promises more than there is, nesting goes too deep, or
// the library asks for something else than the token at hand consists of.
//
// Every byte of the payload is fetched once: what was checked is what the library gets.
type tokenReader struct {
	src     []byte
	pos     int // of the first byte behind the token
	head    [maxHead]byte
	headLen int // of the token, in bytes
	bodyLen int
	off     int // how much of the token the library has

	begun   bool
	claimed uint64   // values that containers promised; each takes at least one byte
	open    []uint64 // values that each open container still waits for
}

func (r *tokenReader) reset(src []byte) {
	*r = tokenReader{src: src, open: r.open[:0]}
}

// finish reports whether the payload ended with its value.
func (r *tokenReader) finish() error {
	switch r.leave(); {
	case r.off != r.headLen+r.bodyLen || len(r.open) > 0:
		return errOutOfStep
	case r.pos != len(r.src):
		return errTrailing
	}
	return nil
}

// ReadByte returns the next byte of the token's head, going on to the next token at its end.
func (r *tokenReader) ReadByte() (byte, error) {
	if r.off == r.headLen+r.bodyLen {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	if r.off >= r.headLen {
		return 0, errOutOfStep
	}
	r.off++
	return r.head[r.off-1], nil
}

// UnreadByte takes back the last ReadByte.
func (r *tokenReader) UnreadByte() error {
	if r.off == 0 || r.off > r.headLen {
		return errOutOfStep
	}
	r.off--
	return nil
}

// Read returns bytes of the head behind its first, or of the body, never of both.
func (r *tokenReader) Read(p []byte) (int, error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case r.off > 0 && r.off+len(p) <= r.headLen:
		copy(p, r.head[r.off:])
	case r.off >= r.headLen && r.off+len(p) <= r.headLen+r.bodyLen:
		copy(p, r.src[r.pos-(r.headLen+r.bodyLen)+r.off:])
	default:
		return 0, errOutOfStep
	}
	r.off += len(p)
	return len(p), nil
}

// next takes the next token from the payload.
func (r *tokenReader) next() error {
	if r.leave(); r.begun && len(r.open) == 0 {
		return errOutOfStep
	}
	r.begun = true
	rest := r.src[r.pos:]
	if len(rest) == 0 {
		return io.ErrUnexpectedEOF
	}
	r.head[0] = rest[0]
	k := kindOf(r.head[0])
	if k.head > len(rest) {
		return io.ErrUnexpectedEOF
	}
	copy(r.head[1:k.head], rest[1:])
	n, left := k.length(&r.head), uint64(len(rest)-k.head)
	r.headLen, r.bodyLen, r.off = k.head, 0, 0
	if len(r.open) > 0 {
		r.open[len(r.open)-1]--
	}
	switch k.class {
	case reserved:
		return errReserved
	case extension:
		switch {
		case n == 0:
			return errEmptyExtension
		case int8(r.head[k.head-1]) == internedExtension:
			return errInterned
		}
		fallthrough
	case bytesLike:
		if n > left {
			return io.ErrUnexpectedEOF
		}
		r.bodyLen = int(n)
	case container:
		if n > left || r.claimed+n > uint64(len(r.src)) {
			return io.ErrUnexpectedEOF
		}
		r.claimed += n
		if len(r.open) == MaxDepth {
			return errTooDeep
		}
		r.open = append(r.open, n)
	}
	r.pos += r.headLen + r.bodyLen
	return nil
}

// leave closes the containers that are complete.
func (r *tokenReader) leave() {
	for len(r.open) > 0 && r.open[len(r.open)-1] == 0 {
		r.open = r.open[:len(r.open)-1]
	}
}
