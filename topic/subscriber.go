package topic

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// SubscriberOptions say what a subscriber takes and how. The zero value is right for most.
type SubscriberOptions[T any] struct {
	Codec           serde.Codec[T]          // default serde.Default[T](); a subscriber of []byte without one takes any type
	Patterns        []string                // further patterns; a sample is delivered once even where they overlap
	Filter          func(topic string) bool // of the topics that match, only those it likes; called once for each publisher and not concurrently, mostly on a goroutine of the library, where its panic ends the program; must not use the Participant
	History         int                     // how many samples from before it subscribed it wants, as far as they are still there
	Lossless        bool                    // publishers wait for it rather than overwrite what it has not taken
	LosslessTimeout time.Duration           // for how long at a time; default 10 s. After that it loses samples until it catches up
	MaxHeld         int                     // samples of one publisher held at once, up to 960; default 256
	MemoryLimit     int64                   // bytes kept of publishers that closed or died until they are received; default 64 MiB, 1 GiB if Lossless
	Spin            time.Duration           // how long a wait looks by itself before it sleeps; default 20 µs, negative not at all

	// Ended is called when a publisher is gone, or cannot be read any more, and everything of it was received or given up. It
	// runs on any goroutine, within the subscriber's methods too, and must not use the Participant or its subscribers.
	Ended func(PublisherID)
}

// A Subscriber receives the samples of every topic that its patterns match, also of topics and publishers that come later.
type Subscriber[T any] struct {
	core    *subscription
	scratch atomic.Pointer[[]shmtransport.Sample] // for ReceiveBatch; nil while one uses it

	mu      sync.Mutex // guards what follows
	decoder serde.Decoder[T]
	value   *T // where the decoder writes, on the heap once instead of for each sample
}

// NewSubscriber makes a subscriber of a topic or of all topics that match a pattern. It returns when the publishers that
// exist already are connected, or after a second if one does not answer. If there are publishers and none has the
// subscriber's type, it fails with a *registry.TypeMismatchError, and if none has room for one more subscription with a
// *shmtransport.LimitError; if the kernel or the policy of the domain lets it read none of them, with a *registry.AccessError or
// a *registry.ForbiddenError. A publisher of another type, without room or that may not be read is left alone when it comes
// later, and an Event.
func NewSubscriber[T any](p *Participant, pattern string, opts *SubscriberOptions[T]) (*Subscriber[T], error) {
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
	case opts.MemoryLimit < 0:
		return nil, fmt.Errorf("subscribe to %q: MemoryLimit is %d, must be positive; 0 means 64 MiB, or 1 GiB if it is lossless", pattern, opts.MemoryLimit)
	}
	if p.readOnly && opts.Lossless {
		return nil, fmt.Errorf("subscribe to %q: no publisher waits for a participant that only reads; subscribe without Lossless, or join without ReadOnly", pattern)
	}
	codec := opts.Codec
	if codec == nil {
		codec = serde.Default[T]()
	}
	t := codec.Type()
	sub := &Subscriber[T]{decoder: codec.Decoder(), value: new(T)}
	core, err := p.subscribe(sub, registry.Endpoint{
		Topic:    pattern,
		Patterns: append([]string{pattern}, opts.Patterns...),
		TypeName: t.Name, Encoding: t.Encoding, SchemaEncoding: t.SchemaEncoding, Schema: t.Schema,
		AnyType:  opts.Codec == nil && t.Encoding == serde.EncodingRaw,
		Lossless: opts.Lossless, History: uint32(opts.History),
	}, opts.Filter, cmp.Or(opts.LosslessTimeout, 10*time.Second), opts.Ended,
		shmtransport.ReaderOptions{MaxHeld: opts.MaxHeld, Spin: opts.Spin, EndedLimit: cmp.Or(opts.MemoryLimit, endedLimit(opts.Lossless))})
	if err != nil {
		return nil, err
	}
	sub.core = core
	return sub, nil
}

// endedLimit is how many bytes a subscriber that does not receive keeps of publishers that closed or died.
func endedLimit(lossless bool) int64 {
	if lossless {
		return 1 << 30
	}
	return 64 << 20
}

// Receive waits for the next sample. The caller releases it. The error is ctx's, os.ErrClosed, or a
// *shmtransport.LimitError when too many samples are held; never that of a decoder.
func (s *Subscriber[T]) Receive(ctx context.Context) (Sample[T], error) {
	m, err := s.core.reader.Receive(ctx)
	if err != nil {
		return Sample[T]{}, err
	}
	return Sample[T]{m}, nil
}

// TryReceive returns the next sample if there is one now. The caller releases it.
func (s *Subscriber[T]) TryReceive() (Sample[T], bool) {
	var m shmtransport.Sample
	if ok, err := s.core.reader.TryReceive(&m); !ok || err != nil {
		return Sample[T]{}, false
	}
	return Sample[T]{m}, true
}

// Latest returns the newest sample there is now, also one that was received before; of several publishers that of the one that
// published last. What is older is passed over: it is not received later, and does not count as lost. The caller releases it.
// It is for values of which only the present one matters, on a latched topic, say.
func (s *Subscriber[T]) Latest() (Sample[T], bool) {
	var m shmtransport.Sample
	if ok, err := s.core.reader.Latest(&m); !ok || err != nil {
		return Sample[T]{}, false
	}
	return Sample[T]{m}, true
}

// Samples yields each sample and releases it when its turn is over. The loop ends after one turn with a non-nil error: that
// of ctx, or os.ErrClosed. If a publisher's process takes the memory away that the body reads, the body ends in a panic with
// a *shmtransport.CorruptError; Handle goes on.
func (s *Subscriber[T]) Samples(ctx context.Context) iter.Seq2[Sample[T], error] {
	return func(yield func(Sample[T], error) bool) {
		for {
			m, err := s.Receive(ctx)
			if err != nil {
				yield(Sample[T]{}, err)
				return
			}
			if !lend(m, yield) {
				return
			}
		}
	}
}

// lend releases the sample also when the loop's body panics.
func lend[T any](m Sample[T], yield func(Sample[T], error) bool) (goOn bool) {
	defer m.Release()
	err := m.m.Read(func([]byte) error {
		goOn = yield(m, nil)
		return nil
	})
	if err != nil { // an iterator may not hide that the body did not come to its end
		panic(err)
	}
	return goOn
}

// Handle calls fn for each sample and releases it afterwards, until ctx is done or the subscriber closes; it returns the
// error that ended it. If a publisher's process takes the memory away that fn reads, fn ends there, as it would by a panic,
// the publisher becomes Unusable, which is an Event, and Handle goes on.
func (s *Subscriber[T]) Handle(ctx context.Context, fn func(Sample[T])) error {
	for {
		m, err := s.Receive(ctx)
		if err != nil {
			return err
		}
		s.handle(m, fn)
	}
}

// handle has its error from a publisher whose link is given up, of which the error is told there.
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

// Publishers returns how many publishers are connected.
func (s *Subscriber[T]) Publishers() int { return s.core.reader.Connected() }

// WaitPublishers waits until at least n publishers are connected.
func (s *Subscriber[T]) WaitPublishers(ctx context.Context, n int) error {
	return s.core.reader.AwaitConnected(ctx, n)
}

// SubscriberStats are a subscription's figures.
type SubscriberStats = stats.SubscriptionCounts

// Stats returns what was received and lost so far.
func (s *Subscriber[T]) Stats() SubscriberStats { return s.core.reader.Stats() }

// Close ends the subscriber. A Receive that waits returns os.ErrClosed; samples that are held stay valid until released.
// Further calls do nothing.
func (s *Subscriber[T]) Close() error { return s.core.close() }
