package serde

import (
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/serde/internal/guard"
)

// ErrUndecodable says that a payload cannot be converted to or from JSON, because its encoding is unknown.
var ErrUndecodable = errors.New("the encoding cannot be decoded without its type")

var (
	errTrailing     = errors.New("bytes follow the value")
	errNotUTF8      = errors.New("text is not valid UTF-8")
	errContainerKey = errors.New("a map whose keys are maps or arrays has no JSON form")
)

// A DecodeError says that a payload is not valid for its type.
type DecodeError struct {
	Type     string // name of the expected type
	Encoding string
	Err      error
}

func (e *DecodeError) Error() string {
	if e.Type == "" {
		return fmt.Sprintf("decode %s: %v", e.Encoding, e.Err)
	}
	return fmt.Sprintf("decode %s as %s: %v", e.Encoding, e.Type, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

func encodeError(t Type, err error) error {
	return fmt.Errorf("encode %s as %s: %w", t.Name, t.Encoding, err)
}

// guarded runs decode. It converts every error and panic into a *DecodeError and sets *v to zero.
func guarded[T any](t *Type, v *T, decode func() error) error {
	if err := guard.Run(v, decode); err != nil {
		return &DecodeError{Type: t.Name, Encoding: t.Encoding, Err: err}
	}
	return nil
}
