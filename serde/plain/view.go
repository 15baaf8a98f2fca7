package plain

import "fmt"

// View returns the payload as a value in place, without a copy. The value must not be written to, and is valid as long as the payload:
// that of a sample until Release. Access to it faults where access to the payload does, as Sample.Bytes says; within Sample.Read and
// Subscriber.Handle that is an error.
//
// The error is a *serde.DecodeError if the length of the payload is not the size of T, if its address is not aligned, or if a Bool
// or Enum is out of range. A hostile publisher may change the value during and after the call: see the package documentation.
// If T has a bool of Go, the error is a *TypeError.
func (c *Codec[T]) View(payload []byte) (*T, error) {
	if c.simple {
		if v := c.mem.Is(payload); v != nil {
			return v, nil
		}
	}
	return c.view(payload)
}

func (c *Codec[T]) view(payload []byte) (*T, error) {
	switch {
	case c.copied != nil:
		return nil, c.copied
	case len(payload) != c.l.size:
		return nil, decodeError(&c.t, fmt.Errorf("the payload has %d bytes, not %d", len(payload), c.l.size))
	case !c.mem.Aligned(payload):
		return nil, decodeError(&c.t, errMisaligned)
	}
	if c.l.checked {
		if err := c.l.check(nativeOrder(), payload, 0); err != nil {
			return nil, decodeError(&c.t, c.l.named(err, "", 0))
		}
	}
	return c.mem.At(payload), nil
}

// Init sets the first Size bytes of buf to zero and returns them as a value to be written in place. buf is memory of a Loan, which is
// then committed with Size bytes. The value must not be used after that. Init fails if buf is shorter than Size or not aligned.
//
// The fields of a value in place are assigned one by one: whether an assignment of the whole struct copies padding is up to the compiler.
func (c *Codec[T]) Init(buf []byte) (*T, error) {
	v, err := c.at(buf)
	if err != nil {
		return nil, err
	}
	clear(buf[:c.l.size])
	return v, nil
}

// Overwrite is Init without setting fields to zero: they hold bytes of an earlier sample until they are assigned. The padding is set to
// zero. It is for large values of which every byte is written.
func (c *Codec[T]) Overwrite(buf []byte) (*T, error) {
	v, err := c.at(buf)
	if err != nil {
		return nil, err
	}
	c.l.clearPadding(buf[:c.l.size])
	if c.l.goBool {
		clear(buf[:c.l.size]) // there must not be a bool that is neither true nor false
	}
	return v, nil
}

func (c *Codec[T]) at(buf []byte) (*T, error) {
	switch {
	case len(buf) < c.l.size:
		return nil, encodeError(&c.t, fmt.Errorf("the buffer has %d bytes, not %d", len(buf), c.l.size))
	case !c.mem.Aligned(buf):
		return nil, encodeError(&c.t, errMisaligned)
	}
	return c.mem.At(buf), nil
}
