package capnproto

import (
	"errors"
	"runtime"

	"capnproto.org/go/capnp/v3"

	"github.com/shmbus/shmbus/internal/sigbus"
	"github.com/shmbus/shmbus/serde/internal/guard"
)

// How many bytes the pointers of a message may lead to, each time that the application follows one.
const (
	traverseMore      = 64 << 20 // the library's default
	traversePerByte   = 8
	traverseRecursive = 4 << 20 // in types that may contain themselves
)

// maxDepth is how many pointers may follow each other. The library's limit does not hold below a list of structs for which it has become
// zero. In a struct whose only way back to its type is a list, an odd limit never becomes zero at a list.
const maxDepth = 65

// limits are those of a type for reading in place. Where maxDepth does not hold, a recursive function of the application could exhaust the
// stack, which ends the process. The limit of bytes holds always; each level takes at least eight of them.
type limits struct{ recursive bool }

func (l limits) traverse(size int) uint64 {
	if l.recursive {
		return traverseRecursive
	}
	return traverseMore + traversePerByte*uint64(size)
}

// A view is a message that is read in place.
type view struct {
	message  capnp.Message
	single   capnp.ReadOnlySingleSegment
	segments [1][]byte
}

// open lays the view over a payload and returns its root.
func (v *view) open(payload []byte, l limits) (capnp.Struct, error) {
	segments, err := split(payload, v.segments[:0])
	if err != nil {
		return capnp.Struct{}, err
	}
	v.message.DepthLimit = maxDepth
	v.message.TraverseLimit = l.traverse(len(payload))
	var arena capnp.Arena = &v.single
	if len(segments) == 1 {
		v.single.ReplaceData(segments[0])
	} else {
		arena = capnp.MultiSegment(segments)
	}
	if _, err := v.message.Reset(arena); err != nil {
		return capnp.Struct{}, err
	}
	p, err := v.message.Root()
	if err != nil {
		return capnp.Struct{}, err
	}
	root := p.Struct()
	if p.IsValid() && !root.IsValid() {
		return capnp.Struct{}, errRoot
	}
	return root, nil
}

// close ends the use of the payload. An access to a struct of it panics from then on.
func (v *view) close() {
	v.message.Release()
	v.segments[0] = nil
}

// View returns the root of a payload in place, without a copy. Its cost does not depend on the length of the payload. The root and all
// that it leads to must not be written to, and are valid as long as the payload: that of a sample until Release. Access to it faults
// where access to the payload does, as Sample.Bytes says.
//
// The error is a *serde.DecodeError if the framing or the root pointer is not valid. All other pointers are checked when they are
// followed: see the package documentation. A payload without a root is T{}, whose fields have their default values.
func (c *Codec[T]) View(payload []byte) (T, error) {
	root, err := new(view).open(payload, c.limits)
	if err != nil {
		return T{}, decodeError(&c.t, err)
	}
	return T(root), nil
}

// Read calls f with the root of a payload in place, and returns the error of f as it is. The root is as that of View, and must not be used
// after f returns.
//
// A panic of f becomes a *serde.DecodeError, because a publisher that changes a payload while it is read can cause it: see the package
// documentation. If the publisher's process truncated its file, the error is a *serde.DecodeError too; within Sample.Read and
// Subscriber.Handle it is theirs, a *topic.CorruptError. Read allocates nothing for payloads of one segment.
func (c *Codec[T]) Read(payload []byte, f func(root T) error) error {
	outer := sigbus.Guard()
	defer outer.Restore()
	v := c.views.Get().(*view)
	var result error // of f
	err := guard.Run(&result, func() error {
		root, err := v.open(payload, c.limits)
		if err == nil {
			result = f(T(root))
		}
		return err
	})
	if err == nil {
		v.close()
		c.views.Put(v)
		return result
	}
	if fault := faultIn(payload, err); fault != nil {
		if bool(outer) {
			panic(fault) // for the guard of the caller, which knows the publisher
		}
		err = errTruncated
	}
	return decodeError(&c.t, err)
}

// faultIn returns the panic of an access to a payload that faulted, nil if the error is another one.
func faultIn(payload []byte, err error) error {
	var fault interface {
		runtime.Error
		Addr() uintptr
	}
	if errors.As(err, &fault) && sigbus.In(fault, payload) {
		return fault
	}
	return nil
}

var errTruncated = errors.New("the publisher's process truncated its file")
