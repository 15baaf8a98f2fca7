package shmtransport

import (
	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A Sample is one message, in place in its publisher's memory, or, when it is small, a copy of it. The payload is valid until
// Release; after that something else may be written there. A Sample is a small value; copies stand for the same message.
type Sample struct {
	link     *Link
	payload  mem.Span
	sequence uint64
	stamp    int64
	lost     uint64
	holding  holding

	// Samples are copied from function to function, in moves of 16 bytes. A processor waits where one move reads what several
	// wrote: where the last two of 56 bytes overlap, and where a result went through registers, as it does without an array.
	// That was up to a third of what it costs to take a small sample.
	_ [2]uint32
}

// A holding is one time that a sample is held, by the name of a mark: which mark in the lower bits, then how, and above that how
// often the name was used before.
type holding uint64

const (
	markBits   = 10                           // enough for MaxHeld
	holdsSlot  = holding(1) << markBits       // the sample is in a slot, and the mark is set
	holdsCopy  = holding(1) << (markBits + 1) // the sample was copied
	oneHolding = holding(1) << (markBits + 2)
)

func (u holding) mark() int    { return int(u & (holdsSlot - 1)) }
func (u holding) active() bool { return u&(holdsSlot|holdsCopy) != 0 }

// next is what follows when the use has ended.
func (u holding) next() holding { return u&^(holdsSlot|holdsCopy) + oneHolding }

// Payload returns the message's bytes, nil after Release. They are not to be written to; those in place are read-only memory,
// where that is a fault. So is reading those in place when the publisher's process cuts its file short, which ends this one;
// Read and AppendTo make that an error.
func (s Sample) Payload() []byte {
	if s.link == nil || holding(s.link.holdings[s.holding.mark()].Load()) != s.holding {
		return nil
	}
	return s.payload.Bytes()
}

// Read calls f with the message's bytes, which are not to be written to nor kept, and returns what f returns. A publisher may
// cut its file short while it is read; then f does not come to its end, and the error is a *CorruptError that names the file.
// After Release the error is os.ErrClosed. Small payloads, which are copies, cannot be taken away.
//
// Like at a panic, what f deferred is done. f must be able to bear that anywhere it looks at the bytes.
func (s Sample) Read(f func(payload []byte) error) error {
	b := s.Payload()
	switch {
	case b == nil:
		return closed.Error("the sample was released")
	case s.holding&holdsCopy != 0:
		return f(b)
	}
	return s.readInPlace(b, f)
}

func (s Sample) readInPlace(b []byte, f func([]byte) error) (err error) {
	defer func(before sigbus.Mode) {
		before.Restore()
		if e := recover(); e != nil {
			if !sigbus.In(e, b) || s.Payload() == nil { // after Release the fault is the application's
				panic(e)
			}
			err = truncatedError(s.link.view)
			s.link.setFault(err)
		}
	}(sigbus.Guard())
	return f(b)
}

// AppendTo appends the message's bytes to dst, with the errors of Read. On error it returns dst as it was.
func (s Sample) AppendTo(dst []byte) ([]byte, error) {
	whole := dst
	err := s.Read(func(payload []byte) error {
		whole = append(dst, payload...)
		return nil
	})
	if err != nil {
		return dst, err
	}
	return whole, nil
}

// Sequence is the message's position among its publisher's, from 1.
func (s Sample) Sequence() uint64 { return s.sequence }

// Stamp is when it was published, in nanoseconds of CLOCK_MONOTONIC.
func (s Sample) Stamp() int64 { return s.stamp }

// Lost is how many of this publisher's messages were lost just before this one: overwritten unread, or taken back.
func (s Sample) Lost() uint64 { return s.lost }

// Publisher says who published it.
func (s Sample) Publisher() PublisherID {
	if s.link == nil {
		return PublisherID{}
	}
	return s.link.id
}

// Tag is what Request.Tag was when the publisher was connected.
func (s Sample) Tag() any {
	if s.link == nil {
		return nil
	}
	return s.link.tag
}

// Release lets the memory be reused. Only the first call on a message does anything; any goroutine may make it.
func (s Sample) Release() {
	if s.link != nil {
		s.link.release(s.holding)
	}
}
