//go:build linux

package harness

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// A Failure is the error of a call, with all that an application can read from its type.
type Failure struct {
	Text              string
	Lacks             Resource
	Needed, Available int64 // bytes, for Space and Memory
	Kernel            bool  // the kernel refused it
	Access            bool  // it is a *registry.AccessError
	Forbidden         bool  // it is a *registry.ForbiddenError
}

// A Resource is what a call may find none of.
type Resource string

const (
	Space       Resource = "space"
	Memory      Resource = "memory"
	Descriptors Resource = "descriptors"
	Places      Resource = "places"
)

// failureOf finds the types of an error, as an application would.
func failureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	f := &Failure{
		Text:      err.Error(),
		Kernel:    errors.Is(err, fs.ErrPermission),
		Access:    errors.As(err, new(*registry.AccessError)),
		Forbidden: errors.As(err, new(*registry.ForbiddenError)),
	}
	var slot *shmtransport.NoSlotError
	var space *topic.SpaceError
	var memory *topic.MemoryError
	if errors.As(err, &slot) {
		f.Needed, f.Available = slot.Needed, slot.Available
	}
	switch {
	case errors.As(err, &space):
		f.Lacks = Space
		if slot == nil {
			f.Needed, f.Available = space.Needed, space.Available
		}
	case errors.As(err, &memory):
		f.Lacks = Memory
		if slot == nil {
			f.Needed, f.Available = memory.Needed, memory.Available
		}
	case errors.Is(err, syscall.EMFILE):
		f.Lacks = Descriptors
	case errors.As(err, new(*topic.LimitError)):
		f.Lacks = Places
	}
	return f
}
