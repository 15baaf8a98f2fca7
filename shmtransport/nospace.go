package shmtransport

import (
	"errors"
)

// noSpace makes a *NoSpaceError of an error for want of memory that is not for a slot.
func noSpace(err error) error {
	if full := asNoSpace(err); full != nil {
		return full
	}
	return err
}

// alsoNeed adds to what an error for want of memory says is needed what the next step would have asked for.
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

// asNoSpace returns what is missing if err is for want of memory, else nil.
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
