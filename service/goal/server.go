package goal

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// ServerOptions are the limits of a server and the serialization of its values. The zero value runs one goal after the other.
type ServerOptions[G, F, R any] struct {
	GoalCodec     serde.Codec[G] // default serde.Default[G]()
	FeedbackCodec serde.Codec[F] // default serde.Default[F]()
	ResultCodec   serde.Codec[R] // default serde.Default[R]()

	// Admit decides whether a goal is accepted. An error rejects it and reaches the client, as that of a service.Handler does. ctx ends
	// when the client gives up or dies. Default: every goal is accepted.
	Admit func(ctx context.Context, g *Goal[G, F]) error
	// AllowCancel decides whether a cancel that a client asks for is granted. An error refuses it and reaches the client. Default: every
	// cancel is granted.
	AllowCancel func(ctx context.Context, g *Goal[G, F]) error
	// Preempt cancels all older goals when one is accepted. With Concurrency 1 it runs when their handlers have returned.
	Preempt bool
	// OutliveClients lets a goal run on when the last of its clients has left or died.
	OutliveClients bool

	Concurrency int           // goals that run at once; default 1
	MaxGoals    int           // goals that are accepted or running; default 16. A further one is rejected
	KeepResult  time.Duration // how long a result that was not taken is kept; default one minute
	MaxResults  int           // results that are kept; default 256. The oldest is dropped for another one
	SendTimeout time.Duration // how long a client may take no update while service.Window wait; default ten seconds. Then it is none of the goal's

	MaxPayload  int   // bytes of the largest feedback or result, with headers; default 256 MiB
	MemoryLimit int64 // bytes of all updates to one client; default 1 GiB
}

// A Handler pursues a goal. It returns the result, or an error, of which the client gets what it would of a service.Handler. ctx ends when
// the goal is cancelled. A handler that then returns the error of ctx, or its cause, makes the goal Cancelled, and what it returns with the
// error is the result up to then. It runs on a goroutine of its own; a panic ends the program.
type Handler[G, F, R any] func(ctx context.Context, g *Goal[G, F]) (R, error)

// A Server runs the goals of one name.
type Server[G, F, R any] struct {
	opts    ServerOptions[G, F, R]
	handler Handler[G, F, R]
	results serde.Codec[R]
	calls   *service.Server[request[G], []byte]

	once      sync.Once
	closed    error
	handlers  sync.WaitGroup
	followers sync.WaitGroup

	mu      sync.Mutex
	closing bool
	goals   map[ID]*Goal[G, F]
	active  []*Goal[G, F] // accepted or running, oldest first
	waiting []*Goal[G, F] // accepted, oldest first
	ended   []*Goal[G, F] // results that are kept, oldest first
	running int
	asked   int             // goals that Admit decides on
	figures service.Figures // without what package service counts
}

const (
	maxPayload  = 256 << 20
	keepResult  = time.Minute
	maxGoals    = 16
	maxResults  = 256
	maxStreams  = 480     // of one client, as many as package service allows
	concurrency = 1 << 20 // of streams: they wait for goals, and the clients bound their number
)

// NewServer registers a server of goals. It returns when the server has the name and existing clients find it. If another server has the
// name the error is a *service.ServerExistsError. ctx bounds only this.
func NewServer[G, F, R any](ctx context.Context, p *topic.Participant, name string, handler Handler[G, F, R], opts *ServerOptions[G, F, R]) (*Server[G, F, R], error) {
	if handler == nil {
		return nil, fmt.Errorf("serve goals of %q: the handler is nil", name)
	}
	s := &Server[G, F, R]{handler: handler, goals: map[ID]*Goal[G, F]{}}
	if opts != nil {
		s.opts = *opts
	}
	o := &s.opts
	for what, n := range map[string]int{"Concurrency": o.Concurrency, "MaxGoals": o.MaxGoals, "MaxResults": o.MaxResults, "MaxPayload": o.MaxPayload, "KeepResult": int(o.KeepResult), "SendTimeout": int(o.SendTimeout)} {
		if n < 0 {
			return nil, fmt.Errorf("serve goals of %q: %s is %d, must be positive; 0 means the default", name, what, n)
		}
	}
	o.Concurrency, o.MaxGoals, o.MaxResults = cmp.Or(o.Concurrency, 1), cmp.Or(o.MaxGoals, maxGoals), cmp.Or(o.MaxResults, maxResults)
	o.KeepResult, o.MaxPayload = cmp.Or(o.KeepResult, keepResult), cmp.Or(o.MaxPayload, maxPayload)
	goals, updates, err := codecs(o.GoalCodec, o.FeedbackCodec, o.ResultCodec)
	if err != nil {
		return nil, fmt.Errorf("serve goals of %q: %w", name, err)
	}
	o.FeedbackCodec, s.results = updates.feedback, updates.result
	s.calls, err = service.NewStreamServer(ctx, p, name, s.answer, &service.ServerOptions[request[G], []byte]{
		RequestCodec: goals, ResponseCodec: updates, Concurrency: concurrency, MaxCalls: maxStreams, Figures: s.figuresOf,
		Goals:      service.GoalLimits{Concurrency: o.Concurrency, MaxGoals: o.MaxGoals},
		MaxPayload: o.MaxPayload, MemoryLimit: o.MemoryLimit, SendTimeout: o.SendTimeout,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// codecs returns the codecs of requests and updates.
func codecs[G, F, R any](g serde.Codec[G], f serde.Codec[F], r serde.Codec[R]) (_ requestCodec[G], _ updateCodec[F, R], err error) {
	goals, err := codecOf(g)
	if err != nil {
		return requestCodec[G]{}, updateCodec[F, R]{}, fmt.Errorf("goal: %w", err)
	}
	feedback, err := codecOf(f)
	if err != nil {
		return requestCodec[G]{}, updateCodec[F, R]{}, fmt.Errorf("feedback: %w", err)
	}
	result, err := codecOf(r)
	if err != nil {
		return requestCodec[G]{}, updateCodec[F, R]{}, fmt.Errorf("result: %w", err)
	}
	return requestCodec[G]{goals}, updateCodec[F, R]{feedback, result}, nil
}

// Name returns the name of the service.
func (s *Server[G, F, R]) Name() string { return s.calls.Name() }

// closeTimeout bounds the wait of Close for clients that do not take the end of their goals.
const closeTimeout = time.Second

// Close ends the server: it rejects goals, cancels those that it has, waits until their handlers have returned, and tells the clients
// how they ended. It waits at most a second for clients that take nothing. A handler must not call Close. Further calls wait for the first
// one and return its result.
func (s *Server[G, F, R]) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closing = true
		s.cancelAll(ErrServerClosed)
		s.mu.Unlock()
		s.handlers.Wait()
		told := make(chan struct{})
		go func() {
			s.followers.Wait()
			close(told)
		}()
		select {
		case <-told:
		case <-time.After(closeTimeout):
		}
		s.closed = s.calls.Close()
		<-told
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, g := range s.ended {
			g.expiry.Stop()
		}
	})
	return s.closed
}
