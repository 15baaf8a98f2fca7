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

// asNoSlot returns an error for lack of memory as a *NoSlotError, or nil for other errors.
func asNoSlot(err error) *NoSlotError {
	var space *errdefs.SpaceError
	if errors.As(err, &space) {
		return &NoSlotError{Needed: space.Needed, Available: space.Available, Err: err}
	}
	var memory *errdefs.MemoryError
	if errors.As(err, &memory) {
		return &NoSlotError{Needed: memory.Needed, Available: max(memory.Available, 0), Err: err}
	}
	return nil
}
