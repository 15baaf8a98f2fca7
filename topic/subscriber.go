package topic

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// SubscriberOptions select what a subscriber receives and how. The zero value suits most subscribers.
type SubscriberOptions[T any] struct {
	Codec           serde.Codec[T]          // default serde.Default[T](); a subscriber of []byte without one takes any type
	Patterns        []string                // further patterns; a sample is delivered once even where they overlap
	Filter          func(topic string) bool // selects among the matching topics; called once for each publisher, never concurrently, mostly on a goroutine of the library, where a panic ends the program; may use the Participant, but a NewPublisher that the subscriber matches waits a second for it
	History         int                     // number of samples published before the subscription to receive, as far as they are still in the ring
	Lossless        bool                    // publishers wait instead of overwriting samples that it has not received
	LosslessTimeout time.Duration           // how long it may take nothing while a publish waits; default 10 s. Then the publisher overwrites without waiting until it has taken something and is at most half of the ring behind
	MaxHeld         int                     // samples of one publisher that may be held at once, at most 960; default 256
	MemoryLimit     int64                   // bytes of unreceived samples kept of publishers that closed or died; default 64 MiB, 1 GiB if Lossless
	Spin            time.Duration           // time that a wait spins before it sleeps; default 20 µs, or none with LatencyBudget; negative: none

	// LatencyBudget is the longest time for which a waiting subscriber leaves samples in the rings of their publishers, at least 1 ms; default
	// 0: each sample wakes it (DDS: latency budget). It then looks at intervals, which are so short that no ring is usually more than three
	// eighths full. A publisher wakes it only when an eighth or more of its ring is waiting, and twice as much as usual, or half of its memory,
	// or if the ring has fewer than 8 entries, or when it waits; other publishes need no system call for it. Publisher.WaitTaken waits as long.
	LatencyBudget time.Duration

	// MaxAge is the age, by Sample.Stamp, beyond which samples are not delivered; default 0: any age (DDS: lifespan). The
	// age counts when the sample would be received. Stats().Stale counts these samples, which are neither received nor
	// lost. Latest returns no sample if the newest is too old. A latched sample or History may be too old as well.
	// A stamp in the future has age 0.
	MaxAge time.Duration
	// MinSeparation is the least time between the stamps of two delivered samples of the same publisher; default 0: any
	// (DDS: time-based filter). 1/MinSeparation is the maximum rate for each publisher. Stats().Filtered counts the samples
	// in between, which are neither received nor lost; the choice depends on stamps alone, not on when the application
	// receives. A lossless publisher does not wait for them. A sample whose stamp is before that of the last delivered one
	// is delivered. Latest returns the newest sample at any time, and the separation counts from it. The keys of a publisher count
	// together (PublisherOptions.Key), so the newest sample of a key may be filtered.
	MinSeparation time.Duration
	// Deadline is the time within which something must be published for this subscriber, whether it is received or not, at
	// least 1 ms; default 0: none (DDS: deadline). If no publisher has published for so long, or since the subscriber was
	// made, Participant.Events reports DeadlineMissed once, within about a tenth of the time, and DeadlineMet when something
	// is published again. A slow receiver misses no deadline.
	Deadline time.Duration

	// Ended is called when a publisher is gone or can no longer be read, and all of its samples were received or discarded.
	// It runs on any goroutine, also within methods of the subscriber, without concurrent calls of Ended or Filter. It may use
	// the Participant and its endpoints, and close them. One call may still run when Close returns.
	Ended func(PublisherID)
}

// A Subscriber receives the samples of every topic that its patterns match, including topics and publishers that appear
// later.
type Subscriber[T any] struct {
	core     *subscriberCore
	scratch  atomic.Pointer[[]shmtransport.Sample] // for ReceiveBatch; nil while in use
	decoders freeList[decoder[T]]
	copies   serde.CopyDecoder[T] // the codec, if it is one
}

// NewSubscriber creates a subscriber of one topic, or of all topics that match a pattern. It returns when the existing
// publishers are connected, or after a second if one of them does not answer. ctx bounds only this wait: if it ends before,
// the error is that of ctx, and no subscriber remains. If there are publishers and none can be connected, NewSubscriber
// fails:
//
//   - with a *TypeMismatchError if none has the subscriber's type
//   - with a *LimitError if none can admit another subscription
//   - with a *AccessError or *ForbiddenError if the kernel or the policy denies access to all of them
//
// A later publisher that has another type, is full or denies access is not connected; an Event reports it.
func NewSubscriber[T any](ctx context.Context, p *Participant, pattern string, opts *SubscriberOptions[T]) (*Subscriber[T], error) {
	if opts == nil {
		opts = new(SubscriberOptions[T])
	}
	switch {
	case opts.MaxHeld < 0 || opts.MaxHeld > shmtransport.MaxHeld:
		return nil, fmt.Errorf("subscribe to %q: MaxHeld is %d, must be at most %d; 0 means 256", pattern, opts.MaxHeld, shmtransport.MaxHeld)
	case opts.History < 0 || opts.History > shmtransport.MaxDepth:
		return nil, fmt.Errorf("subscribe to %q: History is %d, must be from 0 to %d", pattern, opts.History, shmtransport.MaxDepth)
	case opts.LosslessTimeout < 0:
		return nil, fmt.Errorf("subscribe to %q: LosslessTimeout is %v, must be positive", pattern, opts.LosslessTimeout)
	case opts.LatencyBudget != 0 && opts.LatencyBudget < shmtransport.MinLatencyBudget:
		return nil, fmt.Errorf("subscribe to %q: LatencyBudget is %v, must be at least %v; 0 means none", pattern, opts.LatencyBudget, shmtransport.MinLatencyBudget)
	case opts.MaxAge < 0:
		return nil, fmt.Errorf("subscribe to %q: MaxAge is %v, must be positive; 0 means no limit", pattern, opts.MaxAge)
	case opts.MinSeparation < 0:
		return nil, fmt.Errorf("subscribe to %q: MinSeparation is %v, must be positive; 0 means every sample", pattern, opts.MinSeparation)
	case opts.Deadline != 0 && opts.Deadline < minDeadline:
		return nil, fmt.Errorf("subscribe to %q: Deadline is %v, must be at least %v; 0 means none", pattern, opts.Deadline, minDeadline)
	case opts.MemoryLimit < 0:
		return nil, fmt.Errorf("subscribe to %q: MemoryLimit is %d, must be positive; 0 means 64 MiB, or 1 GiB if it is lossless", pattern, opts.MemoryLimit)
	}
	if p.readOnly && opts.Lossless {
		return nil, fmt.Errorf("subscribe to %q: no publisher waits for a participant that only reads; subscribe without Lossless, or join without ReadOnly", pattern)
	}
	codec := opts.Codec
	if codec == nil {
		if err := serde.CheckDefault[T](); err != nil {
			return nil, fmt.Errorf("subscribe to %q: %w", pattern, err)
		}
		codec = serde.Default[T]()
	}
	t := codec.Type()
	var check func(serde.Type) error
	if c, ok := codec.(serde.TypeChecker); ok && len(t.Schema) != 0 {
		check = c.CheckType
	}
	sub := new(Subscriber[T])
	sub.decoders.init(func() *decoder[T] { return &decoder[T]{Decoder: codec.Decoder()} })
	sub.copies, _ = codec.(serde.CopyDecoder[T])
	core, err := p.subscribe(ctx, sub, registry.Endpoint{
		Topic:    pattern,
		Patterns: append([]string{pattern}, opts.Patterns...),
		TypeName: t.Name, Encoding: t.Encoding, SchemaEncoding: t.SchemaEncoding, Schema: t.Schema,
		AnyType:      opts.Codec == nil && t.Encoding == serde.EncodingRaw,
		ChecksSchema: check != nil,
		Lossless:     opts.Lossless, History: uint32(opts.History),
	}, opts.Filter, check, cmp.Or(opts.LosslessTimeout, 10*time.Second), opts.Ended,
		shmtransport.ReaderOptions{
			MaxHeld: opts.MaxHeld, Spin: opts.Spin, LatencyBudget: opts.LatencyBudget, EndedLimit: cmp.Or(opts.MemoryLimit, endedLimit(opts.Lossless)),
			MaxAge: opts.MaxAge, MinSeparation: opts.MinSeparation, TrackPublished: opts.Deadline != 0,
		})
	if err != nil {
		return nil, err
	}
	sub.core = core
	if opts.Deadline != 0 {
		core.startDeadline(opts.Deadline)
	}
	return sub, nil
}

// endedLimit is the default number of bytes that a subscriber keeps of publishers that closed or died.
func endedLimit(lossless bool) int64 {
	if lossless {
		return 1 << 30
	}
	return 64 << 20
}

// Receive waits for the next sample. The caller releases it. The error is that of ctx, os.ErrClosed, or a
// *LimitError when MaxHeld samples are held. Decoding errors are returned by Sample.Value, never by Receive.
func (s *Subscriber[T]) Receive(ctx context.Context) (Sample[T], error) {
	m, err := s.core.reader.Receive(ctx)
	s.core.calls.flush()
	if err != nil {
		return Sample[T]{}, err
	}
	return Sample[T]{m}, nil
}

// TryReceive returns the next sample without waiting. ok is true if there is a sample, which the caller then releases. If
// no sample is available, or another goroutine is receiving, ok is false and err is nil. If err is not nil, ok is false; the
// error is os.ErrClosed, or a *LimitError when MaxHeld samples of a publisher are held.
func (s *Subscriber[T]) TryReceive() (sample Sample[T], ok bool, err error) {
	ok, err = s.core.reader.TryReceive(&sample.m)
	s.core.calls.flush()
	if !ok {
		return Sample[T]{}, false, err
	}
	return sample, true, nil
}

// Latest returns the newest sample, even if it was received before. With several publishers it is the sample of the
// publisher that published last. Older samples are skipped: they are not received later and do not count as lost. The
// caller releases the sample. Latest is for values of which only the current one matters, such as those of a latched topic.
// Latest does not wait. ok and err are as for TryReceive.
func (s *Subscriber[T]) Latest() (sample Sample[T], ok bool, err error) {
	ok, err = s.core.reader.Latest(&sample.m)
	s.core.calls.flush()
	if !ok {
		return Sample[T]{}, false, err
	}
	return sample, true, nil
}

// Samples yields each sample and releases it after the loop body. The payload is a private copy in a buffer that the next
// sample uses again, so the body cannot fault; Receive and Handle give access in place. If the publisher's process truncates
// its file before the copy is made, Samples yields a *CorruptError and continues with the samples of other
// publishers. Every other error is as for Receive and ends the loop. Decoding errors are returned by Sample.Value. Samples
// itself does not panic.
func (s *Subscriber[T]) Samples(ctx context.Context) iter.Seq2[Sample[T], error] {
	return func(yield func(Sample[T], error) bool) {
		var buf []byte
		for {
			m, err := s.Receive(ctx)
			if err != nil {
				yield(Sample[T]{}, err)
				return
			}
			if !yieldCopy(m, &buf, yield) {
				return
			}
		}
	}
}

// yieldCopy releases the sample also when the loop body panics.
func yieldCopy[T any](m Sample[T], buf *[]byte, yield func(Sample[T], error) bool) (goOn bool) {
	defer m.Release()
	private, err := m.m.Copy(buf)
	if err != nil {
		m.Release() // the body may wait for other samples of this publisher
		return yield(Sample[T]{}, err)
	}
	return yield(Sample[T]{private}, nil)
}

// Handle calls fn for each sample and releases the sample afterwards, until ctx is done or the subscriber closes. It
// returns the error that ended it. If a publisher's process truncates its file while fn reads the payload, fn is aborted as
// by a panic, an Unavailable event reports the publisher, and Handle continues.
func (s *Subscriber[T]) Handle(ctx context.Context, fn func(Sample[T])) error {
	for {
		m, err := s.Receive(ctx)
		if err != nil {
			return err
		}
		s.handle(m, fn)
	}
}

// handle only counts a fault in fn: the reader reports the error when it gives up the link.
func (s *Subscriber[T]) handle(m Sample[T], fn func(Sample[T])) {
	defer m.Release()
	err := m.m.Read(func([]byte) error {
		fn(m)
		return nil
	})
	if err != nil {
		s.core.reader.CountDecodeError()
	}
}

// ResetTimeout says that the subscriber, which is lossless, takes nothing on purpose, such as while one sample is worked on: publishers begin
// its LosslessTimeout anew. A program calls it again within each timeout; while its process is stopped it does not, so publishers do not wait
// for it then. It stores a word for each publisher.
func (s *Subscriber[T]) ResetTimeout() { s.core.reader.ResetTimeout() }

// Publishers returns the number of connected publishers.
func (s *Subscriber[T]) Publishers() int { return s.core.reader.Connected() }

// A MatchedPublisher is a publisher that a subscriber receives from, or waits for.
type MatchedPublisher struct {
	ID          PublisherID
	Participant registry.Participant // that it is of
	// Answered reports whether the publisher is connected. If not, its process has just begun, is busy, or is stopped, as registry.StateOf
	// tells. Publishers of a participant that only reads are connected at once.
	Answered bool
	// First is the sequence from which on the subscriber receives, with the History that it asked for; 0 if it is not known.
	First uint64
}

// MatchedPublishers returns the publishers that have not refused the subscriber, with those that ended and still have samples to receive.
func (s *Subscriber[T]) MatchedPublishers() (matched []MatchedPublisher) {
	for _, m := range s.core.reader.Matches() {
		matched = append(matched, MatchedPublisher{ID: publisherID(m.ID), Participant: m.UserData.(*source).participant, Answered: m.Answered, First: m.First})
	}
	return matched
}

// WaitsForPublisher reports whether a matched publisher has not answered.
func (s *Subscriber[T]) WaitsForPublisher() bool {
	return slices.ContainsFunc(s.core.reader.Matches(), func(m shmtransport.Match) bool { return !m.Answered })
}

// WaitPublishers waits until at least n publishers are connected.
func (s *Subscriber[T]) WaitPublishers(ctx context.Context, n int) error {
	return s.core.reader.AwaitConnected(ctx, n)
}

// SubscriberStats are the figures of a subscription: Messages and Bytes that were received, LastStamp, LastSize and MaxSize of these,
// Lost, counted with the next sample that is taken, and Dropped, those of them that were of ended publishers; Stale and Filtered, which
// MaxAge and MinSeparation kept back; DecodeErrors; Publishers that are connected; samples Held; Lag, the samples that were waiting at
// the last take; and Latency, a histogram.
type SubscriberStats = stats.SubscriptionCounts

// Stats returns the counters up to now.
func (s *Subscriber[T]) Stats() SubscriberStats { return s.core.reader.Stats() }

// Overwritten says that a publisher has overwritten samples before the subscriber took them. Its Stats and Sample.Lost count them with the
// next sample of this publisher.
type Overwritten struct {
	Publisher PublisherID
	Topic     string
	Type      serde.Type // as announced
	Samples   uint64     // at least so many
}

// Overwritten returns what publishers have overwritten and Stats does not count yet, for a subscriber that takes nothing for a while. It takes
// no sample, does not wait for a goroutine that does, and loads two words for each publisher. Of a publisher with keys it leaves out as many
// samples as there may be keys, whose newest samples are still to be taken. It does not apply to a subscriber that uses Latest: what that
// passes over is not lost.
func (s *Subscriber[T]) Overwritten() (all []Overwritten) {
	for _, o := range s.core.reader.Overwritten() {
		src := o.UserData.(*source)
		all = append(all, Overwritten{publisherID(o.Publisher), src.topic, src.typ, o.Samples})
	}
	return all
}

// Close closes the subscriber. A waiting Receive returns os.ErrClosed. Held samples stay valid until released. Further
// calls do nothing.
func (s *Subscriber[T]) Close() error {
	err := s.core.close()
	s.core.calls.flush()
	return err
}
