package topic

import (
	"time"

	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// A Sample is one message, in place in its publisher's memory. It is a small value; copies stand for the same message. The
// zero Sample is what comes with an error.
type Sample[T any] struct {
	m shmtransport.Sample
}

// Value decodes the payload. An error is about this sample alone: a *serde.DecodeError, or os.ErrClosed after Release. A
// []byte is the payload itself, valid until Release; everything else is a copy.
func (s Sample[T]) Value() (v T, err error) {
	b := s.m.Payload()
	if b == nil {
		return v, closed.Error("the sample was released")
	}
	sub := s.source().sub.(*Subscriber[T])
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if err = sub.decoder.Decode(b, sub.value); err != nil {
		sub.core.reader.Undecodable()
		return v, err
	}
	var zero T
	v, *sub.value = *sub.value, zero // not kept alive by the subscriber
	return v, nil
}

// Bytes returns the payload, valid until Release, nil after it. It is not to be written to: large payloads are in place, in
// read-only memory, small ones in a copy.
func (s Sample[T]) Bytes() []byte { return s.m.Payload() }

// Topic returns the name the sample was published on.
func (s Sample[T]) Topic() string { return s.source().topic }

// Type returns what the publisher announced.
func (s Sample[T]) Type() serde.Type { return s.source().typ }

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

// Time returns when it was published, as wall-clock time.
func (s Sample[T]) Time() time.Time {
	src := s.source()
	if src.sub == nil {
		return time.Time{}
	}
	return src.clock.Wall(s.m.Stamp())
}

// Stamp returns when it was published, in nanoseconds of CLOCK_MONOTONIC.
func (s Sample[T]) Stamp() int64 { return s.m.Stamp() }

// Sequence returns its position among its publisher's samples, from 1.
func (s Sample[T]) Sequence() uint64 { return s.m.Sequence() }

// Publisher returns who published it.
func (s Sample[T]) Publisher() PublisherID {
	id := s.m.Publisher()
	return PublisherID{Participant: registry.ID(id.Participant), Number: id.Number}
}

// Lost returns how many samples of this publisher were lost just before this one.
func (s Sample[T]) Lost() uint64 { return s.m.Lost() }

// Release gives the memory back to the publisher. Only the first call does anything.
func (s Sample[T]) Release() { s.m.Release() }
