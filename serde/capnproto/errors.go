package capnproto

import (
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/serde"
)

// A ShortBufferError says that a message does not fit into the memory that Build was given.
type ShortBufferError struct {
	Type  string
	Used  int // bytes, before the object that did not fit
	Limit int // bytes
	Err   error
}

func (e *ShortBufferError) Error() string {
	return fmt.Sprintf("build %s: %d bytes do not suffice, of which %d are used: take a larger loan, or publish a message of the heap",
		e.Type, e.Limit, e.Used)
}

func (e *ShortBufferError) Unwrap() error { return e.Err }

func decodeError(t *serde.Type, err error) error {
	return &serde.DecodeError{Type: t.Name, Encoding: t.Encoding, Err: err}
}

func encodeError(t *serde.Type, err error) error {
	return fmt.Errorf("encode %s as %s: %w", t.Name, t.Encoding, err)
}

var (
	errReleased = errors.New("the message of the struct was released")
	// The library would copy another struct with all that it leads to, however deep. See the package documentation.
	errNotRoot = errors.New("the struct is not the root of its message: make it by its NewRoot function, or copy its fields to one")
)
