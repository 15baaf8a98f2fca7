package topic

import (
	"errors"
	"time"

	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// A Sample is one message, in place in its publisher's memory. It is a small value; copies stand for the same message. The
// zero Sample is what comes with an error.
type Sample[T any] struct {
	m shmtransport.Sample
}

// Value decodes the payload. An error is about this sample alone: a *serde.DecodeError, a *shmtransport.CorruptError when the
// publisher's process took its memory away meanwhile, or os.ErrClosed after Release. A []byte is the payload itself, as of
// Bytes, and can be taken away like that; everything else is a copy.
func (s Sample[T]) Value() (v T, err error) {
	if s.m.Payload() == nil {
		return v, closed.Error("the sample was released")
	}
	sub := s.source().sub.(*Subscriber[T])
	sub.mu.Lock()
	defer sub.mu.Unlock()
	var zero T
	err = s.m.Read(func(b []byte) error { return sub.decoder.Decode(b, sub.value) })
	if err != nil {
		if errors.As(err, new(*shmtransport.CorruptError)) {
			*sub.value = zero // half of something
		}
		sub.core.reader.CountDecodeError()
		return v, err
	}
	v, *sub.value = *sub.value, zero // not kept alive by the subscriber
	return v, nil
}

// Bytes returns the payload, valid until Release, nil after it. It is not to be written to: large payloads are in place, in
// read-only memory, small ones, of up to shmtransport.SmallPayload bytes, in a copy.
//
// What is in place can be taken away: a publisher's process may cut its file short. Reading it is then a fault (SIGBUS), which
// ends the program; in Subscriber.Handle it ends the function alone, and in a loop over Samples it is a panic out of the loop. Read
// and AppendTo make it an error.
func (s Sample[T]) Bytes() []byte { return s.m.Payload() }

// Read calls f with the payload, which is not to be written to nor kept, and returns what f returns. If the publisher's
// process takes the memory away meanwhile, f ends where it is, as it would by a panic, and the error is a
// *shmtransport.CorruptError. After Release it is os.ErrClosed.
func (s Sample[T]) Read(f func(payload []byte) error) error { return s.m.Read(f) }

// AppendTo appends the payload to dst and returns the result. The error is a *shmtransport.CorruptError when the publisher's
// process took the memory away meanwhile, os.ErrClosed after Release; then it returns dst as it was.
func (s Sample[T]) AppendTo(dst []byte) ([]byte, error) { return s.m.AppendTo(dst) }

// Topic returns the name the sample was published on.
func (s Sample[T]) Topic() string { return s.source().topic }

// Type returns what the publisher announced.
func (s Sample[T]) Type() serde.Type { return s.source().typ }

// Metadata returns what the publisher said of itself besides its type; nil if nothing. It is shared and must not be changed.
func (s Sample[T]) Metadata() map[string]string { return s.source().metadata }

// Latched reports whether its publisher keeps its newest sample for subscribers that come later.
func (s Sample[T]) Latched() bool { return s.source().latched }

// Executable returns the path of the publishing program, as the program itself says.
func (s Sample[T]) Executable() string { return s.source().executable }

// Unit returns what the publishing participant is called.
func (s Sample[T]) Unit() string { return s.source().unit }

// PID returns the publishing process.
func (s Sample[T]) PID() int { return s.source().pid }

func (s Sample[T]) source() *source {
	if src, ok := s.m.Tag().(*source); ok {
		return src
	}
	return new(source)
}

// Time returns when it was published, as wall-clock time. Where the clock was set, or the machine suspended, while this
// participant was there, that is by the clock of before or after, whichever held when the sample was published; a step is
// seen when Time is called for the first time after it.
func (s Sample[T]) Time() time.Time {
	src := s.source()
	if src.sub == nil {
		return time.Time{}
	}
	return src.wall.Time(s.m.Stamp())
}

// Stamp returns when it was published, in nanoseconds of CLOCK_MONOTONIC.
func (s Sample[T]) Stamp() int64 { return s.m.Stamp() }

// Sequence returns its position among its publisher's samples, from 1.
func (s Sample[T]) Sequence() uint64 { return s.m.Sequence() }

// Publisher returns who published it.
func (s Sample[T]) Publisher() PublisherID {
	return publisherID(s.m.Publisher())
}

// Lost returns how many samples of this publisher were lost just before this one.
func (s Sample[T]) Lost() uint64 { return s.m.Lost() }

// Release gives the memory back to the publisher. Only the first call does anything.
func (s Sample[T]) Release() { s.m.Release() }
