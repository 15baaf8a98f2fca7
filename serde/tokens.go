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

// A tokenReader passes a MsgPack payload to the library's decoder token by token, because the library trusts its input: it
// allocates memory for every length that it reads, it recurses as deep as the payload is nested, and it reads a map from
// the data of an extension when it expects a map and finds an extension. The tokenReader parses the payload itself, on
// demand. It ends the reading as soon as a length exceeds the payload, the nesting is too deep, or the library requests
// something other than the parts of the current token.
//
// Every byte of the payload is read once: the library gets the bytes that were checked.
type tokenReader struct {
	src     []byte
	pos     int // of the first byte after the token
	head    [maxHead]byte
	headLen int // of the token, in bytes
	bodyLen int
	off     int // bytes of the token that the library has read

	begun   bool
	claimed uint64   // values announced by containers; each takes at least one byte
	open    []uint64 // remaining values of each open container
}

func (r *tokenReader) reset(src []byte) {
	*r = tokenReader{src: src, open: r.open[:0]}
}

// offset is the beginning of the last token that was read, or of the one that is not valid.
func (r *tokenReader) offset() int { return r.pos - (r.headLen + r.bodyLen) }

// finish returns an error unless the payload ended with its value.
func (r *tokenReader) finish() error {
	switch r.leave(); {
	case r.off != r.headLen+r.bodyLen || len(r.open) > 0:
		return errOutOfStep
	case r.pos != len(r.src):
		return errTrailing
	}
	return nil
}

// ReadByte returns the next byte of the token's head. At the end of a token it continues with the next one.
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

// UnreadByte undoes the last ReadByte.
func (r *tokenReader) UnreadByte() error {
	if r.off == 0 || r.off > r.headLen {
		return errOutOfStep
	}
	r.off--
	return nil
}

// Read returns bytes of the head after its first, or of the body, never of both.
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

// next parses the next token of the payload.
func (r *tokenReader) next() error {
	if r.leave(); r.begun && len(r.open) == 0 {
		return errOutOfStep
	}
	r.begun = true
	r.headLen, r.bodyLen, r.off = 0, 0, 0 // after an error there is no token
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
	r.headLen = k.head
	r.pos += r.headLen + r.bodyLen
	return nil
}

// leave closes the containers that are complete.
func (r *tokenReader) leave() {
	for len(r.open) > 0 && r.open[len(r.open)-1] == 0 {
		r.open = r.open[:len(r.open)-1]
	}
}
