// Package guard runs the decoders of libraries on payloads that are not trusted. Codecs share it.
package guard

import "fmt"

// KeepAtMost is the maximum scratch memory in bytes that a decoder keeps between payloads.
const KeepAtMost = 1 << 20

// Run sets *v to zero and runs decode, which stores the result there. A panic of decode becomes an error. After an error *v is
// zero. The caller makes a *serde.DecodeError of the error.
func Run[T any](v *T, decode func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p}
		}
		if err != nil {
			var zero T
			*v = zero
		}
	}()
	var zero T
	*v = zero
	return decode()
}

// A panicError holds the panic value of a decoder library or of a method of the decoded type.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// A Snapshot is a private copy of a payload, for libraries that read it twice and rely on equal bytes.
type Snapshot struct{ B []byte }

// Take copies src.
func (s *Snapshot) Take(src []byte) { s.B = append(s.B[:0], src...) }

// Drop frees a large copy. The memory of a small one is used again by Take.
func (s *Snapshot) Drop() {
	if cap(s.B) > KeepAtMost {
		s.B = nil
	}
}
