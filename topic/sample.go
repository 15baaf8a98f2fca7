package topic

import (
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// A Sample is one message, in place in its publisher's memory. It is a small value; copies refer to the same message. The
// zero Sample accompanies an error.
type Sample[T any] struct {
	m shmtransport.Sample
}

// Value decodes the payload. An error concerns this sample only and names it: a *serde.DecodeError, a *CorruptError if the
// publisher's process truncated its file meanwhile, or os.ErrClosed after Release. A []byte value is the payload itself,
// with the lifetime and the fault behavior of Bytes. Every other value is a copy.
func (s Sample[T]) Value() (v T, err error) {
	b := s.m.Payload()
	if b == nil {
		return v, errdefs.Closed("the sample was released")
	}
	sub := s.source().sub.(*Subscriber[T])
	if sub.copies != nil && s.m.IsCopy() {
		if v, err = sub.copies.DecodeCopy(b); err != nil {
			err = s.decodeError(err)
		}
		return v, err
	}
	d := sub.decoders.take()
	err = s.m.Read(func(b []byte) error { return d.Decode(b, &d.value) })
	if err != nil {
		if !errors.As(err, new(*CorruptError)) { // which interrupts the decoder
			sub.decoders.put(d)
		}
		return v, s.decodeError(err)
	}
	var zero T
	v, d.value = d.value, zero // the subscriber must not keep the value alive
	sub.decoders.put(d)
	return v, nil
}

// decodeError counts an error of a decoder and says in which sample it is.
func (s Sample[T]) decodeError(err error) error {
	s.source().sub.(*Subscriber[T]).core.reader.CountDecodeError()
	return fmt.Errorf("sample %d of publisher %v on topic %q: %w", s.Sequence(), s.Publisher(), s.Topic(), err)
}

// Bytes returns the payload. It is valid until Release; after Release Bytes returns nil. The caller must not write to it. A
// large payload is in place, in read-only memory. A small payload, of up to shmtransport.SmallPayload bytes, is a copy.
//
// A publisher's process may truncate its file while a payload is read in place. The access then faults (SIGBUS), which ends
// the program. Within Subscriber.Handle it ends only the called function. In a loop over Samples the payload is a copy. Read
// and AppendTo return the fault as an error.
func (s Sample[T]) Bytes() []byte { return s.m.Payload() }

// Prefetch begins to fetch n bytes of the payload, at most 64 KiB, from byte off on from the publisher's processor. It does not wait
// and cannot fault; bytes outside of the payload are left out. A loop that reads a large payload in place and calls Prefetch for the next
// KiB some 4 KiB ahead takes up to a third less time: a processor itself fetches only a few cache lines ahead.
func (s Sample[T]) Prefetch(off, n int) { s.m.Prefetch(off, n) }

// Read calls f with the payload and returns the result of f. f must not write to the payload or keep it. If the publisher's
// process truncates its file meanwhile, f is aborted at the access, its deferred calls run as in a panic, and the error is
// a *CorruptError. After Release the error is os.ErrClosed.
func (s Sample[T]) Read(f func(payload []byte) error) error { return s.m.Read(f) }

// AppendTo appends the payload to dst and returns the result. The error is a *CorruptError if the publisher's
// process truncated its file meanwhile, or os.ErrClosed after Release. On error AppendTo returns dst unchanged.
func (s Sample[T]) AppendTo(dst []byte) ([]byte, error) { return s.m.AppendTo(dst) }

// Topic returns the name of the topic on which the sample was published.
func (s Sample[T]) Topic() string { return s.source().topic }

// Type returns the type that the publisher announced.
func (s Sample[T]) Type() serde.Type { return s.source().typ }

// Metadata returns the metadata that the publisher announced, nil if there is none. The map is shared and must not be
// changed.
func (s Sample[T]) Metadata() map[string]string { return s.source().metadata }

// Latched reports whether the publisher keeps its newest sample for later subscribers.
func (s Sample[T]) Latched() bool { return s.source().latched }

// Executable returns the path of the publishing program, as announced by that program.
func (s Sample[T]) Executable() string { return s.source().participant.Executable }

// Unit returns the name of the publishing participant.
func (s Sample[T]) Unit() string { return s.source().participant.Unit }

// PID returns the id of the publishing process.
func (s Sample[T]) PID() int { return s.source().participant.PID }

// Participant returns the publishing participant, without its Endpoints, as it was known when the publisher was connected. UID, GID and
// PIDCheck come from the kernel.
func (s Sample[T]) Participant() registry.Participant { return s.source().participant }

func (s Sample[T]) source() *source {
	if src, ok := s.m.UserData().(*source); ok {
		return src
	}
	return new(source)
}

// Time returns the time of publishing as wall-clock time. Unlike Stamp.Time it follows the wall clock: after a clock step or a suspend of the machine, the offset that
// held when the sample was published is used, provided that this participant existed then. A step is detected by the first
// call of Time after it.
func (s Sample[T]) Time() time.Time {
	src := s.source()
	if src.sub == nil {
		return time.Time{}
	}
	return src.wall.Time(s.m.Stamp())
}

// Stamp returns the time of publishing.
func (s Sample[T]) Stamp() Stamp { return Stamp(s.m.Stamp()) }

// A Stamp is a moment in nanoseconds of CLOCK_MONOTONIC, which all processes of one boot share. The difference of two stamps
// is a duration. Its method Time returns wall-clock time by the present offset between the clocks; Sample.Time uses the
// offset at the time of publishing. The samples, Event.Participant.Since, Event.Endpoint.Since and the field LastStamp of the
// statistics have stamps.
type Stamp = clock.Stamp

// Sequence returns the position of the sample among those of its publisher, from 1.
func (s Sample[T]) Sequence() uint64 { return s.m.Sequence() }

// Publisher returns the identity of the sample's publisher.
func (s Sample[T]) Publisher() PublisherID {
	return publisherID(s.m.Publisher())
}

// Lost returns the number of samples of this publisher that were lost immediately before this one, or between this one and the delivered
// sample before, if the subscriber has MaxAge or MinSeparation.
func (s Sample[T]) Lost() uint64 { return s.m.Lost() }

// Release returns the memory to the publisher. Only the first call has an effect.
func (s Sample[T]) Release() { s.m.Release() }
