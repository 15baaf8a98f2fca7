package shmtransport

import (
	"errors"
)

// noSpace converts an error for lack of memory that is not for a slot to a *NoSpaceError.
func noSpace(err error) error {
	if full := asNoSpace(err); full != nil {
		return full
	}
	return err
}

// alsoNeed adds n bytes to the need that an error for lack of memory reports, for the next step.
func alsoNeed(err error, n int64) {
	var space *SpaceError
	var memory *MemoryError
	switch {
	case errors.As(err, &space):
		space.Needed += n
	case errors.As(err, &memory):
		memory.Needed += n
	}
}

// asNoSpace returns an error for lack of memory as a *NoSpaceError, or nil for other errors.
func asNoSpace(err error) *NoSpaceError {
	var space *SpaceError
	if errors.As(err, &space) {
		return &NoSpaceError{Needed: space.Needed, Available: space.Available, Err: err}
	}
	var memory *MemoryError
	if errors.As(err, &memory) {
		return &NoSpaceError{Needed: memory.Needed, Available: max(memory.Available, 0), Err: err}
	}
	return nil
}
