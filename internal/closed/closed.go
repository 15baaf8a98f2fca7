// Package closed has the error for a use after Close. It matches os.ErrClosed and says what is closed.
package closed

import "os"

// Error is a text that says what is closed.
type Error string

func (e Error) Error() string { return string(e) }

// Is makes errors.Is(err, os.ErrClosed) true.
func (Error) Is(target error) bool { return target == os.ErrClosed }
