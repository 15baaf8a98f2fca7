// Package errdefs has the error types that several packages return. Each condition has one type in the whole module, so
// that one errors.As or errors.Is finds it. Package topic re-exports those that reach an application.
package errdefs

import (
	"errors"
	"fmt"
	"os"
)

// Closed is the error of a use after Close. The text says what is closed. It matches os.ErrClosed.
type Closed string

func (e Closed) Error() string { return string(e) }

// Is makes errors.Is(err, os.ErrClosed) true.
func (Closed) Is(target error) bool { return target == os.ErrClosed }

// Unsupported is the error of a function that this operating system does not have. It matches errors.ErrUnsupported.
type Unsupported string

func (e Unsupported) Error() string { return string(e) }

// Is makes errors.Is(err, errors.ErrUnsupported) true.
func (Unsupported) Is(target error) bool { return target == errors.ErrUnsupported }

// A LimitError says that a fixed limit was reached. Nothing was changed.
type LimitError struct {
	What   string // the objects or bytes of which there would be too many
	Limit  int64
	Remedy string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many %s: the limit is %d; %s", e.What, e.Limit, e.Remedy)
}

// A VersionError says that a shared file was written by a program with another layout version.
type VersionError struct {
	Path  string
	Found uint32 // layout version of the file
	Known uint32 // layout version of this program
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has layout version %d, this program speaks version %d: "+
		"build both programs with the same release of shmbus, or keep them in different domains (SHMBUS_DOMAIN)",
		e.Path, e.Found, e.Known)
}

// A CorruptError says that the content of a shared file fails a check. Other files are not affected.
type CorruptError struct {
	Path string
	What string // the check that failed, and where in the file
	Err  error  // the cause, or nil
}

func (e *CorruptError) Error() string {
	s := fmt.Sprintf("%s is damaged: %s", e.Path, e.What)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + "; restart the program that wrote it, or remove the file once no program of the domain runs"
}

func (e *CorruptError) Unwrap() error { return e.Err }
