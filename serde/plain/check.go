package plain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/serde"
)

// check returns an error for the first bool or enum of a value whose byte or number is no value of it. at is the offset of the value in
// the payload, for the error. check reads each byte once.
func (l *layout) check(order byteOrder, b []byte, at int) error {
	switch {
	case !l.checked:
	case l.kind == kindBool:
		if v := b[0]; v > 1 {
			return &rangeError{at, notBool(v)}
		}
	case l.enum:
		if v := order.uint(b); v > l.max {
			return &rangeError{at, l.notEnum(v)}
		}
	case l.kind == kindArray:
		return l.elem.checkAll(order, b, at)
	default:
		for _, f := range l.fields {
			if f.padding() || !f.layout.checked {
				continue
			}
			if err := f.layout.check(order, b[f.offset:][:f.layout.size], at+f.offset); err != nil {
				return err
			}
		}
	}
	return nil
}

func notBool(v byte) string { return fmt.Sprintf("a bool is %d, not 0 or 1", v) }

func (l *layout) notEnum(v uint64) string {
	return fmt.Sprintf("an enum is %s, not 0 to %d", l.text(v), l.max)
}

// checkAll is check for all values in b.
func (l *layout) checkAll(order byteOrder, b []byte, at int) error {
	if !l.checked {
		return nil
	}
	for off := 0; off < len(b); off += l.size {
		if err := l.check(order, b[off:][:l.size], at+off); err != nil {
			return err
		}
	}
	return nil
}

// signed extends the sign of an integer, given its bits.
func (l *layout) signed(v uint64) int64 {
	shift := 64 - 8*l.size
	return int64(v<<shift) >> shift
}

// text is the number of which v are the bits.
func (l *layout) text(v uint64) string {
	if strings.HasPrefix(l.kind, "int") {
		return fmt.Sprint(l.signed(v))
	}
	return fmt.Sprint(v)
}

// A rangeError says that the bytes at an offset of a payload are no value of their type.
type rangeError struct {
	off  int
	what string
}

func (e *rangeError) Error() string { return fmt.Sprintf("at offset %d %s", e.off, e.what) }

// A fault says which part of a value is wrong.
type fault struct {
	part string // such as ".Points[3].Valid"
	err  error
}

func (e *fault) Error() string { return fmt.Sprintf("%s: %v", e.part, e.err) }
func (e *fault) Unwrap() error { return e.err }

// named adds to the error of check the name of the part. begin is the offset of the value, prefix the name of it.
func (l *layout) named(err error, prefix string, begin int) error {
	if e, ok := err.(*rangeError); ok {
		return &fault{prefix + l.path(e.off-begin), err}
	}
	return err
}

var errMisaligned = errors.New("the memory is not aligned for the type")

func decodeError(t *serde.Type, err error) error {
	return &serde.DecodeError{Type: t.Name, Encoding: t.Encoding, Err: err}
}

func encodeError(t *serde.Type, err error) error {
	return fmt.Errorf("encode %s as %s: %w", t.Name, t.Encoding, err)
}
