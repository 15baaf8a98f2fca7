package topic

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// PublisherOptions select the serialization and the amount of memory of a publisher. The zero value suits most publishers.
type PublisherOptions[T any] struct {
	Codec             serde.Codec[T] // default serde.Default[T]()
	Depth             int            // samples kept, a power of two; default 16
	MaxPayload        int            // bytes of the largest sample; default 256 MiB
	InitialSampleSize int            // payload bytes of the slots that NewPublisher reserves; default: reserve at the first sample
	MemoryLimit       int64          // bytes of all slots together; default 1 GiB
	Latched           bool           // a later subscription gets the newest sample at once
	NeverWaits        bool           // publishes overwrite also what Lossless subscriptions have not received, which count that as lost
	// KeepFor names a participant: what its subscriptions have not received keeps its memory. A publish that finds no other returns a
	// *NoSlotError, where it would else overwrite the oldest samples. Samples that are Depth or more behind the newest are overwritten all
	// the same, so Depth must be as many as can be waiting, or the subscriptions Lossless. Zero: none.
	KeepFor registry.ID
	// Volatile frees the memory of a sample when all subscriptions have released it and a newer one is published (DDS: durability
	// volatile), rather than when Depth newer ones are. Payloads of more than shmtransport.SmallPayload bytes then take two slots with
	// subscriptions that keep up, which stay in the caches. A later subscription receives at most the newest sample, whatever its History.
	// The publisher does not know the subscriptions of read-only participants: they lose what the others have released before they look.
	Volatile bool
	// Key returns the key of a value, such as the id of the device that it is from (DDS: instance). A later subscription gets the newest
	// sample of each key at once, in the order of publishing, and so does a subscription that lost it. Key implies Latched. The function
	// must be safe for concurrent use. If it returns a part of v, a publish allocates only for the first sample of a key. Loans and
	// PublishV are decoded for their key.
	//
	// Each key keeps a slot of memory until Dispose. Such samples count as received though they are from before the
	// subscription's start. A subscription with a History may also get older samples of a key. Its MinSeparation counts for the
	// publisher, not for each key.
	Key     func(v T) string
	MaxKeys int // keys with a sample at the same time, with Key; default 1024, at most 65536
	// Metadata describes the publisher to other programs. shmbus does not interpret it. Samples carry it, and recordings
	// store it with the topic. Keys and values are text without control characters, at most registry.MaxMetadata bytes in
	// total.
	Metadata map[string]string
}

// A Publisher publishes values of T on one topic.
type Publisher[T any] struct {
	core *publisherCore

	// direct publishes bytes unchanged, without an encoder; nil for values that must be encoded.
	direct      func(context.Context, T) (int, error)
	directBatch func(context.Context, []T) (int, error)
	// values has the memory of a value as bytes, which is the payload if isPayload is set.
	values    mem.Plain[T]
	isPayload bool
	key       func(v T) string // nil without keys
	// size returns the encoded length of v; nil if it is known only after encoding.
	size func(v T) int

	sizeEstimate atomic.Int64 // expected payload bytes of the next sample
	encoders     freeList[encoder[T]]
	decoders     freeList[decoder[T]] // for keys of payloads
	payloadKey   func(payload []byte) (string, error)
}

// NewPublisher creates a publisher. It returns when the existing subscriptions are connected, or after a second if one of
// them does not answer. ctx bounds only this wait: if it ends before, the error is that of ctx, and no publisher remains.
func NewPublisher[T any](ctx context.Context, p *Participant, name string, opts *PublisherOptions[T]) (*Publisher[T], error) {
	if opts == nil {
		opts = new(PublisherOptions[T])
	}
	if opts.MaxKeys != 0 && opts.Key == nil {
		return nil, fmt.Errorf("publish on %q: MaxKeys is %d, but there is no Key", name, opts.MaxKeys)
	}
	codec := opts.Codec
	if codec == nil {
		if err := serde.CheckDefault[T](); err != nil {
			return nil, fmt.Errorf("publish on %q: %w", name, err)
		}
		codec = serde.Default[T]()
	}
	t := codec.Type()
	core, err := p.publish(ctx, registry.Endpoint{
		Topic: name, TypeName: t.Name, Encoding: t.Encoding, SchemaEncoding: t.SchemaEncoding, Schema: t.Schema, Latched: opts.Latched || opts.Key != nil, Metadata: maps.Clone(opts.Metadata),
	}, shmtransport.WriterOptions{
		Depth: opts.Depth, MaxPayload: opts.MaxPayload, InitialSampleSize: opts.InitialSampleSize, MemoryLimit: opts.MemoryLimit, MaxKeys: opts.keys(), NeverWaits: opts.NeverWaits, Volatile: opts.Volatile, KeepFor: uint64(opts.KeepFor),
	})
	if err != nil {
		return nil, err
	}
	pub := &Publisher[T]{core: core}
	pub.encoders.init(func() *encoder[T] { return &encoder[T]{Encoder: codec.Encoder()} })
	pub.sizeEstimate.Store(int64(max(opts.InitialSampleSize, 1)))
	if serde.IsOpaque(codec) {
		pub.direct, _ = any(core.writer.Publish).(func(context.Context, T) (int, error))
		pub.directBatch, _ = any(core.writer.PublishBatch).(func(context.Context, []T) (int, error))
	}
	if opts.Key != nil {
		pub.useKey(codec, opts.Key)
	}
	if c, ok := codec.(interface{ ValueIsPayload() bool }); ok && c.ValueIsPayload() {
		pub.values, err = mem.PlainOf[T]()
		pub.isPayload = err == nil
	}
	switch size := any(&pub.size).(type) {
	case *func([]byte) int:
		*size = func(b []byte) int { return len(b) }
	case *func(string) int:
		*size = func(s string) int { return len(s) }
	}
	return pub, nil
}

// Publish encodes v directly into shared memory and publishes it. It returns the number of subscriptions that the sample
// reached. It waits for lossless subscriptions only, at most until ctx ends. On error nothing was published.
func (p *Publisher[T]) Publish(ctx context.Context, v T) (int, error) {
	if p.direct != nil {
		return p.direct(ctx, v)
	}
	if p.isPayload {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return p.core.writer.PublishKey(ctx, p.keyOf(v), p.values.Bytes(&v))
	}
	if p.estimate(v) <= shmtransport.SmallPayload {
		return p.publishSmall(ctx, v)
	}
	key := p.keyOf(v)
	loan, encoded, err := p.encode(ctx, v)
	switch {
	case err != nil:
		return 0, err
	case encoded == nil:
		return loan.loan.CommitKey(ctx, key, loan.n)
	}
	return p.core.writer.PublishKey(ctx, key, encoded)
}

// estimate returns the expected encoded length of v in bytes.
func (p *Publisher[T]) estimate(v T) int {
	if p.size != nil {
		return p.size(v)
	}
	return int(p.sizeEstimate.Load())
}

// publishSmall encodes a value that is expected to be small into private memory. A small sample is copied into the ring
// entry anyway.
func (p *Publisher[T]) publishSmall(ctx context.Context, v T) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	key := p.keyOf(v)
	e := p.encoders.take()
	encoded, err := e.Append(e.small[:0], v)
	n := 0
	if err == nil {
		if len(encoded) <= p.core.writer.MaxPayload() {
			p.updateEstimate(len(encoded))
		}
		n, err = p.core.writer.PublishKey(ctx, key, encoded)
	}
	p.encoders.put(e)
	return n, err
}

// encodedLoan is a loan and the length of its payload.
type encodedLoan struct {
	loan shmtransport.Loan
	n    int
}

// encode encodes v into a loaned slot. If v turns out longer than estimated, the result is on the heap instead, and the
// next estimate is larger.
func (p *Publisher[T]) encode(ctx context.Context, v T) (_ encodedLoan, encoded []byte, err error) {
	limit := p.core.writer.MaxPayload()
	want := int(min(p.sizeEstimate.Load(), int64(limit)))
	if p.size != nil {
		want = p.size(v)
	}
	loan, err := p.core.writer.Loan(ctx, want)
	if err != nil {
		return encodedLoan{}, nil, err
	}
	done := false
	defer func() {
		if !done { // an encoder that panics must not keep the slot
			loan.Discard()
		}
	}()
	b := loan.Bytes()
	e := p.encoders.take()
	out, err := e.Append(b[:0], v)
	p.encoders.put(e)
	if err != nil {
		return encodedLoan{}, nil, err
	}
	n := len(out)
	if n > limit {
		return encodedLoan{}, out, nil // Publish returns the error
	}
	p.updateEstimate(n)
	if n > 0 && (len(b) < n || &out[0] != &b[0]) {
		p.sizeEstimate.Store(int64(n) + int64(n/8))
		return encodedLoan{}, out, nil
	}
	done = true
	return encodedLoan{loan: loan, n: n}, nil, nil
}

// largeEstimate is the size in bytes from which an estimate that was too large is corrected at once. Each intermediate
// estimate may take a whole ring of memory.
const largeEstimate = 1 << 20

// updateEstimate adapts the estimate to a sample of n bytes.
func (p *Publisher[T]) updateEstimate(n int) {
	guess, size := p.sizeEstimate.Load(), int64(n)
	switch {
	case size >= guess/2:
		guess = max(guess, size)
	case guess > largeEstimate:
		guess = max(size, 1)
	default:
		guess /= 2 // in few steps, because each needs slots of another size
	}
	if guess != p.sizeEstimate.Load() {
		p.sizeEstimate.Store(guess)
	}
}

// PublishV publishes one sample whose payload is the concatenation of parts, which are already encoded. The bytes are
// copied once.
func (p *Publisher[T]) PublishV(ctx context.Context, parts ...[]byte) (int, error) {
	if p.key != nil {
		return p.publishVKey(ctx, parts)
	}
	return p.core.writer.PublishV(ctx, parts...)
}

// Loan returns memory for a payload of size bytes, to be filled in place and committed. ctx bounds the wait for lossless
// subscriptions to free a place. The memory is not cleared.
func (p *Publisher[T]) Loan(ctx context.Context, size int) (Loan, error) {
	l, err := p.core.writer.Loan(ctx, size)
	return Loan{l, p.payloadKey}, err
}

// A Loan is shared memory of the publisher that the application fills. It ends with exactly one Commit or Discard. After
// that, Commit returns ErrLoanEnded and Discard does nothing.
type Loan struct {
	l   shmtransport.Loan
	key func(payload []byte) (string, error) // nil without keys
}

// Bytes returns the memory, at least the requested number of bytes. It must not be used after Commit or Discard.
func (l Loan) Bytes() []byte { return l.l.Bytes() }

// WriteAt copies p to the memory at byte off, as an io.WriterAt. It is for payloads that lie in other memory, such as a driver's
// buffer: from 3 KiB on it is up to four times as fast as copy, which fetches each cache line from the last reader's
// processor before it is overwritten. Calls for different ranges may be made at the same time. If p does not fit, the error
// is a *TooLargeError and nothing is written. Like Bytes it must not be used after Commit or Discard: the memory may then hold
// another sample.
func (l Loan) WriteAt(p []byte, off int64) (int, error) { return l.l.WriteAt(p, off) }

// Commit publishes the first n bytes, which must be a payload as the topic's codec encodes it. It returns the number of
// subscriptions that the sample reached. On error nothing is published, and the loan has ended as well.
func (l Loan) Commit(ctx context.Context, n int) (int, error) {
	if l.key != nil {
		return l.commitKey(ctx, n)
	}
	return l.l.Commit(ctx, n)
}

// Discard returns the memory without publishing it.
func (l Loan) Discard() { l.l.Discard() }

// Topic returns the topic's name.
func (p *Publisher[T]) Topic() string { return p.core.endpoint.Topic }

// ID returns the publisher's identity, which its samples carry.
func (p *Publisher[T]) ID() PublisherID { return p.core.endpoint.ID }

// PublisherID identifies a publisher. It is comparable and never reused within a domain.
type PublisherID = registry.EndpointID

// Subscribers returns the number of connected subscriptions.
func (p *Publisher[T]) Subscribers() int {
	p.core.writer.Prune() // those that have closed just now
	return p.core.writer.Readers()
}

// WaitSubscribers waits until at least n subscriptions are connected.
func (p *Publisher[T]) WaitSubscribers(ctx context.Context, n int) error {
	return p.core.p.await(ctx, func() (bool, error) { return p.Subscribers() >= n, p.core.writer.Err() })
}

// WaitSubscriberOf waits until a lossless subscription of a participant is connected.
func (p *Publisher[T]) WaitSubscriberOf(ctx context.Context, subscriber registry.ID) error {
	return p.core.p.await(ctx, func() (bool, error) { return p.core.writer.HasReaderOf(uint64(subscriber)), p.core.writer.Err() })
}

// Taken returns a number such that no lossless subscription of a participant has taken a sample of a higher sequence. Samples up to it may
// have been taken. Once the participant's process has died, its application has never seen the samples after it. When its subscriptions
// are gone, those of all participants that are gone count, or with KeepFor those of that participant.
func (p *Publisher[T]) Taken(by registry.ID) uint64 { return p.core.writer.Taken(uint64(by)) }

// TakenByEvery returns a number such that each lossless subscription of a participant has taken all samples up to that sequence, or lost them. It
// is 0 when that is not known: without such a subscription, and of one that has closed.
func (p *Publisher[T]) TakenByEvery(by registry.ID) uint64 {
	return p.core.writer.TakenByEvery(uint64(by))
}

// PublisherStats are the figures of a publisher: Messages and Bytes that were published, LastStamp, LastSize and MaxSize of these; Failed
// and Waited publishes; Subscribers that are connected; Memory of all slots in bytes; Loans that have not ended; and Keys.
type PublisherStats = stats.PublisherCounts

// Stats returns the counters up to now.
func (p *Publisher[T]) Stats() PublisherStats { return p.core.writer.Stats() }

// Close closes the publisher. Connected subscribers still receive the samples that they have not read. Further calls do
// nothing.
func (p *Publisher[T]) Close() error { return p.core.close() }
