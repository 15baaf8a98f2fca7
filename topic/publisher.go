package topic

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// PublisherOptions say how a publisher serializes and how much it keeps. The zero value is right for most.
type PublisherOptions[T any] struct {
	Codec             serde.Codec[T] // default serde.Default[T]()
	Depth             int            // samples kept, a power of two; default 16
	MaxPayload        int            // bytes of the largest sample; default 256 MiB
	InitialSampleSize int            // payload bytes to reserve slots for at once; default: when the first sample comes
	MemoryLimit       int64          // bytes of all slots together; default 1 GiB
	Latched           bool           // whoever subscribes later gets the newest sample at once
	// Metadata is what else others may want to know of the publisher. shmbus does nothing with it; samples have it, and recordings
	// keep it with the topic. Keys and values are text without control characters, registry.MaxMetadata bytes together.
	Metadata map[string]string
}

// A Publisher publishes values of T on one topic.
type Publisher[T any] struct {
	core *publication

	// direct publishes bytes as they are, without an encoder; nil for values that must be encoded.
	direct      func(context.Context, T) (int, error)
	directBatch func(context.Context, []T) (int, error)
	// size returns how long v will be encoded; nil if only encoding tells.
	size func(v T) int

	guess atomic.Int64                                    // payload bytes the next sample will probably take
	room  atomic.Pointer[[shmtransport.SmallPayload]byte] // to encode small samples in; nil while one is

	mu      sync.Mutex // guards encoder, and is never held while a publish waits
	encoder serde.Encoder[T]
}

// NewPublisher makes a publisher. It returns when the subscriptions that exist already are connected, or after a second if
// one does not answer.
func NewPublisher[T any](p *Participant, name string, opts *PublisherOptions[T]) (*Publisher[T], error) {
	if opts == nil {
		opts = new(PublisherOptions[T])
	}
	codec := opts.Codec
	if codec == nil {
		codec = serde.Default[T]()
	}
	t := codec.Type()
	core, err := p.publish(registry.Endpoint{
		Topic: name, TypeName: t.Name, Encoding: t.Encoding, SchemaEncoding: t.SchemaEncoding, Schema: t.Schema, Latched: opts.Latched, Metadata: maps.Clone(opts.Metadata),
	}, shmtransport.WriterOptions{
		Depth: opts.Depth, MaxPayload: opts.MaxPayload, InitialSampleSize: opts.InitialSampleSize, MemoryLimit: opts.MemoryLimit,
	})
	if err != nil {
		return nil, err
	}
	pub := &Publisher[T]{core: core, encoder: codec.Encoder()}
	pub.guess.Store(int64(max(opts.InitialSampleSize, 1)))
	if serde.IsOpaque(codec) {
		pub.direct, _ = any(core.publishBytes).(func(context.Context, T) (int, error))
		pub.directBatch, _ = any(core.writer.PublishBatch).(func(context.Context, []T) (int, error))
	}
	switch size := any(&pub.size).(type) {
	case *func([]byte) int:
		*size = func(b []byte) int { return len(b) }
	case *func(string) int:
		*size = func(s string) int { return len(s) }
	}
	return pub, nil
}

func (pub *publication) publishBytes(ctx context.Context, b []byte) (int, error) {
	return pub.writer.Publish(ctx, b)
}

// Publish encodes v straight into shared memory and publishes it. It returns how many subscriptions the sample reached.
// It waits only for lossless subscriptions, and no longer than ctx lasts; on error nothing was published.
func (p *Publisher[T]) Publish(ctx context.Context, v T) (int, error) {
	if p.direct != nil {
		return p.direct(ctx, v)
	}
	if p.expected(v) <= shmtransport.SmallPayload {
		return p.publishSmall(ctx, v)
	}
	loan, encoded, err := p.encode(ctx, v)
	switch {
	case err != nil:
		return 0, err
	case encoded == nil:
		return loan.loan.Commit(ctx, loan.n)
	}
	return p.core.writer.Publish(ctx, encoded)
}

// expected is how many bytes v will probably take.
func (p *Publisher[T]) expected(v T) int {
	if p.size != nil {
		return p.size(v)
	}
	return int(p.guess.Load())
}

// publishSmall encodes v, which will probably be small, outside shared memory, from where a small sample has to be copied anyway.
func (p *Publisher[T]) publishSmall(ctx context.Context, v T) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	room := p.room.Swap(nil)
	if room == nil {
		room = new([shmtransport.SmallPayload]byte)
	}
	encoded, err := p.append(room[:0], v)
	if err != nil {
		return 0, err
	}
	n, err := p.core.writer.Publish(ctx, encoded)
	p.room.Store(room)
	return n, err
}

func (p *Publisher[T]) append(dst []byte, v T) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out, err := p.encoder.Append(dst, v)
	if err == nil && len(out) <= p.core.writer.MaxPayload() {
		p.learn(len(out))
	}
	return out, err
}

// filled is a loan with its payload's length.
type filled struct {
	loan shmtransport.Loan
	n    int
}

// encode puts v into a loaned slot, or, when it turns out longer than was to be expected, on the heap; the guess for the
// next one is better then.
func (p *Publisher[T]) encode(ctx context.Context, v T) (_ filled, encoded []byte, err error) {
	limit := p.core.writer.MaxPayload()
	want := int(min(p.guess.Load(), int64(limit)))
	if p.size != nil {
		want = p.size(v)
	}
	loan, err := p.core.writer.Loan(ctx, want)
	if err != nil {
		return filled{}, nil, err
	}
	done := false
	defer func() {
		if !done { // an encoder that panics must not keep the slot
			loan.Discard()
		}
	}()
	b := loan.Bytes()
	p.mu.Lock()
	defer p.mu.Unlock()
	out, err := p.encoder.Append(b[:0], v)
	if err != nil {
		return filled{}, nil, err
	}
	n := len(out)
	if n > limit {
		return filled{}, out, nil // to be refused there
	}
	p.learn(n)
	if n > 0 && (len(b) < n || &out[0] != &b[0]) {
		p.guess.Store(int64(n) + int64(n/8))
		return filled{}, out, nil
	}
	done = true
	return filled{loan: loan, n: n}, nil, nil
}

// largeGuess is from how many bytes on a guess that was too large is given up at once. Each guess on the way down may take
// a ring full of memory.
const largeGuess = 1 << 20

// learn adapts the guess to a sample of n bytes. Called with mu held.
func (p *Publisher[T]) learn(n int) {
	guess, size := p.guess.Load(), int64(n)
	switch {
	case size >= guess/2:
		guess = max(guess, size)
	case guess > largeGuess:
		guess = max(size, 1)
	default:
		guess /= 2 // in few steps, each is a slot size of its own
	}
	if guess != p.guess.Load() {
		p.guess.Store(guess)
	}
}

// PublishV publishes one sample whose payload, already encoded, is the concatenation of parts, with a single copy.
func (p *Publisher[T]) PublishV(ctx context.Context, parts ...[]byte) (int, error) {
	return p.core.writer.Publish(ctx, parts...)
}

// Loan lends memory for size payload bytes, to be written in place and committed. ctx bounds the wait for lossless
// subscriptions to make room. The memory is not cleared.
func (p *Publisher[T]) Loan(ctx context.Context, size int) (Loan, error) {
	l, err := p.core.writer.Loan(ctx, size)
	return Loan{l}, err
}

// A Loan is memory of the ring that the application fills. It ends with exactly one Commit or Discard: a Commit after that
// is a shmtransport.ErrLoanEnded, an Discard does nothing.
type Loan struct{ l shmtransport.Loan }

// Bytes is the memory, at least as long as asked for.
func (l Loan) Bytes() []byte { return l.l.Bytes() }

// Commit publishes the first n bytes, which must be a payload as the topic's codec makes it, and returns how many
// subscriptions they reached. On error nothing is published and the loan has ended too.
func (l Loan) Commit(ctx context.Context, n int) (int, error) { return l.l.Commit(ctx, n) }

// Discard gives the memory back without publishing.
func (l Loan) Discard() { l.l.Discard() }

// Topic returns the topic's name.
func (p *Publisher[T]) Topic() string { return p.core.entity.Topic }

// ID returns the publisher's identity, as samples carry it.
func (p *Publisher[T]) ID() PublisherID { return p.core.entity.ID }

// PublisherID names a publisher; it is comparable and not used again within a domain.
type PublisherID = registry.EndpointID

// Subscribers returns how many subscriptions are connected.
func (p *Publisher[T]) Subscribers() int { return p.core.writer.Readers() }

// WaitSubscribers waits until at least n subscriptions are connected.
func (p *Publisher[T]) WaitSubscribers(ctx context.Context, n int) error {
	return p.core.p.await(ctx, func() (bool, error) { return p.Subscribers() >= n, p.core.writer.Err() })
}

// PublisherStats are a publisher's figures.
type PublisherStats = stats.PublisherCounts

// Stats returns what was published so far.
func (p *Publisher[T]) Stats() PublisherStats { return p.core.writer.Stats() }

// Close ends the publisher. Subscribers that are connected still get what it published and they have not read. Further
// calls do nothing.
func (p *Publisher[T]) Close() error { return p.core.close() }
