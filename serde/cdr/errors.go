package cdr

import (
	"errors"
	"fmt"
)

// A DefinitionError says that the text of a schema is not valid.
type DefinitionError struct {
	Line int // from 1; 0 if the error is not in one line
	Err  error
}

func (e *DefinitionError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("parse %s: %v", SchemaEncoding, e.Err)
	}
	return fmt.Sprintf("parse %s: line %d: %v", SchemaEncoding, e.Line, e.Err)
}

func (e *DefinitionError) Unwrap() error { return e.Err }

// A FieldError says which field of a message is not valid. It is wrapped by the *serde.DecodeError of a decoder.
type FieldError struct {
	Path   string // such as "transforms[2].header.frame_id"; empty for the message as a whole
	Offset int    // in the payload, in bytes; -1 if there is no payload
	Err    error
}

func (e *FieldError) Error() string {
	text := e.Err.Error()
	if e.Offset >= 0 {
		text = fmt.Sprintf("offset %d: %s", e.Offset, text)
	}
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	return text
}

func (e *FieldError) Unwrap() error { return e.Err }

// within puts the path of an element in front of the path of the error.
func (e *FieldError) within(path string, index int) *FieldError {
	path = fmt.Sprintf("%s[%d]", path, index)
	if e.Path != "" {
		path += "." + e.Path
	}
	e.Path = path
	return e
}

var (
	errTerminator = errors.New("the string does not end with a zero byte")
	errBool       = errors.New("a bool is neither 0 nor 1")
	errNanosec    = errors.New("nanosec is 1000000000 or more")
	errTimeRange  = errors.New("the time does not fit into 32 bits of seconds")
	errWideText   = errors.New("text is not valid UTF-8")
	errWideUnit   = errors.New("a wide character exceeds 16 bits")
	errTooLong    = errors.New("the result would be too long")
	errTooLarge   = errors.New("the message has more than 2 GiB")
)

func errLeft(need, left int) error {
	return fmt.Errorf("%d bytes are needed, %d are left", need, max(left, 0))
}

func errCount(n uint32, left int) error {
	return fmt.Errorf("%d elements do not fit into the %d bytes that are left", n, max(left, 0))
}

func errBound(n, bound int) error {
	return fmt.Errorf("length %d exceeds the bound of %d", n, bound)
}
