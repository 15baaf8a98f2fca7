package flatbuffers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/serde/internal/guard"
)

// View returns the root table of a payload in place, without a copy and without a walk: its cost does not depend on the length of the
// payload. The table is valid as long as the payload: that of a sample until Release.
//
// Only the root's offset, its table of fields and the file identifier are checked. If the payload is not valid, or a
// hostile publisher changes it meanwhile, then an accessor of the table may panic; it does not read outside of the payload.
// Read turns such panics into errors. The error of View is a *serde.DecodeError.
func (c *Codec[T]) View(payload []byte) (*T, error) {
	root, err := c.checkRoot(payload)
	if err != nil {
		return nil, decodeError(c.t.Name, err)
	}
	v := new(T)
	c.init(v, payload, root)
	return v, nil
}

// Read calls f with the root table of a payload in place, as View returns it, and returns the result of f. A panic in f, as of an
// accessor that meets bytes that are not valid, aborts f and is a *serde.DecodeError. The table, and strings and byte vectors from it,
// must not be used after f returns. Read allocates nothing.
//
// If the publisher's process truncates its file meanwhile, access to the payload faults as Sample.Bytes says. Read is
// therefore called within Sample.Read, which returns the fault as error:
//
//	err = sample.Read(func(payload []byte) error {
//		return codec.Read(payload, func(pose *nav.Pose) error { ... })
//	})
func (c *Codec[T]) Read(payload []byte, f func(view *T) error) error {
	root, err := c.checkRoot(payload)
	if err != nil {
		return decodeError(c.t.Name, err)
	}
	v := c.views.Get().(*T)
	defer func() {
		c.init(v, nil, 0) // a table that f keeps must not read memory of the next sample
		c.views.Put(v)
	}()
	c.init(v, payload, root)
	returned := false
	err = guard.Run(new(struct{}), func() error {
		err = f(v)
		returned = true
		return err
	})
	if returned {
		return err
	}
	if fault := faultIn(err); fault != nil {
		panic(fault)
	}
	return decodeError(c.t.Name, err)
}

// faultIn returns the fault in memory that an error holds, as of a truncated file. It is not nil only if the goroutine
// asked for panics at faults.
func faultIn(err error) error {
	var fault interface {
		runtime.Error
		Addr() uintptr
	}
	if errors.As(err, &fault) {
		return fault
	}
	return nil
}

// checkRoot returns where the root table is. It reads each number once.
func (c *Codec[T]) checkRoot(payload []byte) (flatbuffers.UOffsetT, error) {
	v := verifier{buf: payload}
	if len(payload) > maxSize {
		return 0, fmt.Errorf("the payload has %d bytes, more than %d", len(payload), maxSize)
	}
	at, f := v.indirect(0)
	if f == nil {
		_, _, f = v.fields(at)
	}
	if f != nil {
		return 0, f
	}
	if want := c.schema.identifier; want != "" {
		const off = flatbuffers.SizeUOffsetT
		if len(payload) < off+identifierSize || binary.LittleEndian.Uint32(payload[off:]) != binary.LittleEndian.Uint32([]byte(want)) {
			return 0, &fault{offset: off, err: errIdentifier}
		}
	}
	return flatbuffers.UOffsetT(at), nil
}
