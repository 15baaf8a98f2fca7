package shmtransport

import (
	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A Sample is one message: in place in its publisher's memory or, if it is small, a copy. The payload is valid until
// Release; the memory may be reused afterwards. A Sample is a small value; copies of it stand for the same message.
type Sample struct {
	link     *Link
	payload  mem.Span
	sequence uint64
	stamp    int64
	lost     uint64
	holding  holding

	// The padding keeps copies of a Sample fast. They are made in moves of 16 bytes, and a processor stalls where one
	// move reads what several wrote: where the last two of 56 bytes overlap, and where a result went through
	// registers, as it does without an array. That was up to a third of the cost of taking a small sample.
	_ [2]uint32
}

// IsCopy reports whether the payload is a copy in memory of this process alone, as that of a small sample is.
func (s Sample) IsCopy() bool { return s.holding&holdsCopy != 0 }

// A holding identifies one time that the application holds a sample: the mark in the lower bits, then the kind, and
// above that a count of the mark's earlier holdings.
type holding uint64

const (
	markBits   = 10                           // enough for MaxHeld
	holdsSlot  = holding(1) << markBits       // the sample is in a slot, and the mark is set
	holdsCopy  = holding(1) << (markBits + 1) // the sample was copied
	oneHolding = holding(1) << (markBits + 2)
)

func (u holding) mark() int    { return int(u & (holdsSlot - 1)) }
func (u holding) active() bool { return u&(holdsSlot|holdsCopy) != 0 }

// ending returns the value while the mark of a released sample is being cleared. It is active, and no Sample has it.
func (u holding) ending() holding { return u + oneHolding }

// next returns the value after the holding.
func (u holding) next() holding { return u&^(holdsSlot|holdsCopy) + oneHolding }

// Payload returns the message's bytes, nil after Release. They must not be written. A payload in place is read-only
// memory: a write is a fault that ends the process, and so is a read after the publisher truncated its file. Read and
// AppendTo return an error in that case.
func (s Sample) Payload() []byte {
	if s.link == nil || holding(s.link.holdings[s.holding.mark()].Load()) != s.holding {
		return nil
	}
	return s.payload.Bytes()
}

// maxPrefetch bounds the time in which the runtime cannot preempt the goroutine. More would not stay in the cache.
const maxPrefetch = 64 << 10

// Prefetch begins to fetch n bytes, at most 64 KiB, of a payload in place from byte off on into the processor's cache. It does not
// wait or fault.
func (s Sample) Prefetch(off, n int) {
	if b := s.payload.Bytes(); s.holding&holdsSlot != 0 && off >= 0 && off < len(b) && n > 0 {
		mem.PrefetchToRead(b[off:][:min(n, len(b)-off, maxPrefetch)])
	}
}

// Read calls f with the message's bytes, which must not be written or kept, and returns f's result. If the publisher
// truncates its file meanwhile, f is aborted and the error is a *errdefs.CorruptError that names the file. After Release the
// error is os.ErrClosed. Small payloads are copies and not affected.
//
// f may be aborted at any access to the payload; its deferred calls run.
func (s Sample) Read(f func(payload []byte) error) error {
	b := s.Payload()
	switch {
	case b == nil:
		return errdefs.Closed("the sample was released")
	case s.IsCopy():
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

// AppendTo appends the message's bytes to dst, with the errors of Read. On error it returns dst unchanged.
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

// Copy returns the sample with its payload in private memory, in *buf, whose earlier content is overwritten. It is released
// like s. A small payload is a copy already and stays where it is. The errors are those of AppendTo.
func (s Sample) Copy(buf *[]byte) (Sample, error) {
	if s.IsCopy() {
		return s, nil
	}
	b, err := s.AppendTo((*buf)[:0])
	if err != nil {
		return Sample{}, err
	}
	*buf, s.payload = b, mem.SpanOf(b)
	return s, nil
}

// Sequence returns the message's position among its publisher's, from 1.
func (s Sample) Sequence() uint64 { return s.sequence }

// Stamp returns the time of publishing, in nanoseconds of CLOCK_MONOTONIC.
func (s Sample) Stamp() int64 { return s.stamp }

// Lost returns the number of this publisher's messages that were lost just before this one, or before stale and filtered ones there:
// overwritten or withdrawn.
func (s Sample) Lost() uint64 { return s.lost }

// Publisher returns the identity of the publisher.
func (s Sample) Publisher() PublisherID {
	if s.link == nil {
		return PublisherID{}
	}
	return s.link.id
}

// UserData returns ConnectOptions.UserData of the publisher's connection.
func (s Sample) UserData() any {
	if s.link == nil {
		return nil
	}
	return s.link.userData
}

// Release allows the memory to be reused. It may be called from any goroutine. Only the first call for a message has an
// effect.
func (s Sample) Release() {
	if s.link != nil {
		s.link.release(s.holding)
	}
}
