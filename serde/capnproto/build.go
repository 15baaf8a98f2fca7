package capnproto

import (
	"strings"

	"capnproto.org/go/capnp/v3"
)

// Build makes a message in buf, which is memory of a Loan, and returns its length, with which the loan is then committed. f sets the
// fields of the root and adds objects, all of them directly in buf. The old content of buf does not matter: the library clears each
// object when it is added. f must not keep the root or anything that it leads to.
//
// The error is a *ShortBufferError if the message does not fit into buf: the loan must be discarded then. Otherwise it is that of f.
func (c *Codec[T]) Build(buf []byte, f func(root T) error) (int, error) {
	begin := headerSize(1)
	if len(buf) < begin+wordSize {
		return 0, &ShortBufferError{Type: c.t.Name, Limit: len(buf)}
	}
	clear(buf[:begin+wordSize])
	m := c.messages.Get().(*capnp.Message)
	segment, err := m.Reset(capnp.SingleSegment(buf[begin:begin:len(buf)]))
	if err != nil {
		return 0, encodeError(&c.t, err)
	}
	root, err := c.newRoot(segment)
	if err == nil {
		err = f(root)
	}
	used := begin + len(segment.Data())
	m.Release()
	c.messages.Put(m)
	switch {
	case err != nil && strings.Contains(err.Error(), arenaFull):
		return 0, &ShortBufferError{Type: c.t.Name, Used: used, Limit: len(buf), Err: err}
	case err != nil:
		return 0, err
	}
	appendHeader(buf[:0], 1, func(int) int { return used - begin })
	return used, nil
}

// arenaFull is the text of the library's error for an object that does not fit. It has no value to compare with.
const arenaFull = "cannot allocate on read-only SingleSegmentArena"
