package shmtransport

import (
	"errors"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// alsoNeed adds n bytes to the need that an error for lack of memory reports, for the next step.
func alsoNeed(err error, n int64) {
	var space *errdefs.SpaceError
	var memory *errdefs.MemoryError
	switch {
	case errors.As(err, &space):
		space.Needed += n
	case errors.As(err, &memory):
		memory.Needed += n
	}
}

// asNoSpace returns an error for lack of memory as a *NoSpaceError, or nil for other errors.
func asNoSpace(err error) *NoSpaceError {
	var space *errdefs.SpaceError
	if errors.As(err, &space) {
		return &NoSpaceError{Needed: space.Needed, Available: space.Available, Err: err}
	}
	var memory *errdefs.MemoryError
	if errors.As(err, &memory) {
		return &NoSpaceError{Needed: memory.Needed, Available: max(memory.Available, 0), Err: err}
	}
	return nil
}
