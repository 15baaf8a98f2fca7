// Package topic is what applications use.
package topic

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/shmbus/shmbus/serde"
)

// Options: zero value = default domain, unit = executable's base name.
type Options struct {
	Dir    string // directory of domains
	Domain string
	Unit   string
	Logger *slog.Logger
}

type Participant struct{}

func Join(opts *Options) (*Participant, error) { panic("stub") }
func (p *Participant) Close() error            { panic("stub") }

// Dir returns the path of the domain's directory.
func (p *Participant) Dir() string { panic("stub") }

// Events yields joined/left/died/type-mismatch events until ctx is done.
func (p *Participant) Events(ctx context.Context) iter.Seq[Event] { panic("stub") }

type Event struct {
	Kind  EventKind
	Topic string // publisher, subscription events
	Unit  string
	PID   int
	Err   error // TypeMismatch: *registry.TypeMismatchError
}
type EventKind int

type PublisherOptions[T any] struct {
	Codec       serde.Codec[T] // default serde.Default[T]()
	Depth       int            // ring entries, power of two; default 16
	MaxPayload  int            // bytes; default 256 MiB
	SampleSize  int            // reserve slots of this payload size at once
	MemoryLimit int64          // bytes of slots; default 1 GiB
	Latched     bool
}

type Publisher[T any] struct{}

// NewPublisher returns when the subscriptions that already exist are connected (or 100 ms passed).
func NewPublisher[T any](p *Participant, name string, opts *PublisherOptions[T]) (*Publisher[T], error) {
	panic("stub")
}

// Publish returns how many subscriptions the sample reached.
func (p *Publisher[T]) Publish(ctx context.Context, v T) (int, error)              { panic("stub") }
func (p *Publisher[T]) PublishV(ctx context.Context, parts ...[]byte) (int, error) { panic("stub") }
func (p *Publisher[T]) Loan(ctx context.Context, size int) (Loan, error)           { panic("stub") }
func (p *Publisher[T]) Topic() string                                              { panic("stub") }
func (p *Publisher[T]) Subscribers() int                                           { panic("stub") }
func (p *Publisher[T]) WaitSubscribers(ctx context.Context, n int) error           { panic("stub") }
func (p *Publisher[T]) Close() error                                               { panic("stub") }

type Loan struct{}

func (l Loan) Bytes() []byte                                  { panic("stub") }
func (l Loan) Commit(ctx context.Context, n int) (int, error) { panic("stub") }
func (l Loan) Abandon()                                       { panic("stub") }

type SubscriberOptions[T any] struct {
	Codec           serde.Codec[T]          // default serde.Default[T](); []byte takes any type
	Patterns        []string                // further patterns; a sample is delivered once even where they overlap
	Filter          func(topic string) bool // nil = every topic that matches
	History         int                     // last N samples still in the ring for late joiners
	Lossless        bool
	LosslessTimeout time.Duration // how long a publisher waits for this subscription; default 10 s
	MaxHeld         int           // samples held at once per publisher; default 256
}

type Subscriber[T any] struct{}

func NewSubscriber[T any](p *Participant, pattern string, opts *SubscriberOptions[T]) (*Subscriber[T], error) {
	panic("stub")
}

// Receive waits for the next sample; the caller releases it. err is ctx's, or os.ErrClosed, never a decode error.
func (s *Subscriber[T]) Receive(ctx context.Context) (Sample[T], error) { panic("stub") }
func (s *Subscriber[T]) TryReceive() (Sample[T], bool)                  { panic("stub") }

// Samples yields samples until ctx is done or the subscriber closes (then one last turn with a non-nil error); it releases each sample after its turn.
func (s *Subscriber[T]) Samples(ctx context.Context) iter.Seq2[Sample[T], error] { panic("stub") }

// Handle calls fn for each sample, releasing it after, until ctx is done or the subscriber closes.
func (s *Subscriber[T]) Handle(ctx context.Context, fn func(Sample[T])) error { panic("stub") }
func (s *Subscriber[T]) Publishers() int                                      { panic("stub") }
func (s *Subscriber[T]) WaitPublishers(ctx context.Context, n int) error      { panic("stub") }
func (s *Subscriber[T]) Stats() SubscriberStats                               { panic("stub") }
func (s *Subscriber[T]) Close() error                                         { panic("stub") }

type SubscriberStats struct{ Received, Bytes, Lost, DecodeErrors uint64 }

type Sample[T any] struct{}

func (s Sample[T]) Value() (T, error)      { panic("stub") } // decodes; error is about this sample only
func (s Sample[T]) Bytes() []byte          { panic("stub") } // in place, valid until Release
func (s Sample[T]) Topic() string          { panic("stub") }
func (s Sample[T]) Type() serde.Type       { panic("stub") } // as the publisher announced it
func (s Sample[T]) Time() time.Time        { panic("stub") } // publish time, wall clock
func (s Sample[T]) Stamp() int64           { panic("stub") } // publish time, ns of CLOCK_MONOTONIC
func (s Sample[T]) Sequence() uint64       { panic("stub") } // per publisher, from 1
func (s Sample[T]) Publisher() PublisherID { panic("stub") }
func (s Sample[T]) Lost() uint64           { panic("stub") } // how many of this publisher were lost just before this one
func (s Sample[T]) Release()               { panic("stub") }

// PublisherID is comparable; String prints it.
type PublisherID struct {
	Participant uint64
	Number      uint32
}
