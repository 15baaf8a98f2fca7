package serde

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// An offsetError adds to an error where in the payload it was found.
type offsetError struct {
	offset int // bytes from the start of the payload
	err    error
}

func (e *offsetError) Error() string { return fmt.Sprintf("offset %d: %v", e.offset, e.err) }

func (e *offsetError) Unwrap() error { return e.err }

// locateJSON adds the offset that the library keeps in its errors.
func locateJSON(src []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax) && syntax.Error() == "unexpected end of JSON input":
		return &offsetError{len(src), err}
	case errors.As(err, &syntax):
		return &offsetError{max(0, int(syntax.Offset)-1), err} // the library counts the bytes that it has read
	case errors.As(err, &kind):
		return &offsetError{min(int(kind.Offset), len(src)), err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &offsetError{len(src), err}
	}
	return err
}

// locateCBOR adds an offset to the errors of a payload that is not well-formed. The library does not tell where a value has the
// wrong kind; its error names the field.
func locateCBOR(src []byte, err error) error {
	var located *offsetError
	var extra *cbor.ExtraneousDataError
	switch {
	case errors.As(err, &located):
	case errors.As(err, &extra):
		if rest, skip := skipCBOR(src); skip == nil {
			return &offsetError{len(src) - len(rest), err}
		}
	default:
		if found := checkCBORLengths(src); found != nil {
			return &offsetError{found.(*offsetError).offset, err}
		}
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return &offsetError{len(src), err}
		}
		if at := oddCBOR(src); at >= 0 {
			return &offsetError{at, err}
		}
	}
	return err
}

// oddCBOR returns the offset of the first reserved head, or of the first break for which no value of indefinite length is open, and -1 if
// there is none. Lengths do not exceed the payload.
func oddCBOR(src []byte) int {
	open := 0
	c := cborText{src: src}
	for len(c.src) > 0 {
		at := len(src) - len(c.src)
		major, info, arg := c.head()
		switch {
		case info > 27 && info < cborIndefinite:
			return at
		case info == cborIndefinite && major == cborSimple:
			if open--; open < 0 {
				return at
			}
		case info == cborIndefinite:
			open++
		case major == cborBytes || major == cborString:
			c.src = c.src[arg:]
		}
	}
	return -1
}

// skipCBOR returns the bytes behind the first value.
func skipCBOR(src []byte) ([]byte, error) {
	var v cbor.RawMessage
	return cbor.UnmarshalFirst(src, &v)
}

// locateText adds the offset of the first byte that is not UTF-8.
func locateText(s string) error {
	at := 0
	for at < len(s) {
		r, n := utf8.DecodeRuneInString(s[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return &offsetError{at, errNotUTF8}
}
