package service

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// ServerOptions are the limits of a server and the serialization of its messages. The zero value suits most servers.
type ServerOptions[Req, Resp any] struct {
	RequestCodec  serde.Codec[Req]  // default serde.Default[Req]()
	ResponseCodec serde.Codec[Resp] // default serde.Default[Resp]()

	// Concurrency is the number of handlers that run at once; default GOMAXPROCS, 1 = one after the other. A handler that waits in
	// Call.Send for its client does not count, except with 1: then all clients wait for that one, for up to SendTimeout at a time. Further
	// requests wait in the memory of their clients, which are served in turn.
	Concurrency int
	// MaxCalls is the number of calls that one client may have open, running and waiting; default 16, at most 480.
	MaxCalls int
	// SendTimeout is how long Call.Send waits for a client that takes nothing; default ten seconds. Then the stream ends.
	SendTimeout time.Duration
	// Group lets other servers that have this option serve the same name. Each client chooses the server with the fewest of its own
	// open calls, or any of several such.
	Group bool

	// Goals is what a server of goals announces of these; default: it serves none.
	Goals GoalLimits
	// Figures returns what the server publishes in place of what it has counted, for one whose requests are not all calls, as those for
	// goals. It is called once a second. Default: what was counted.
	Figures func(counted Figures) Figures

	MaxPayload  int           // bytes of the largest response, with HeaderSize; default 256 MiB
	MemoryLimit int64         // bytes of all responses to one client; default 1 GiB
	Spin        time.Duration // time that the wait for a request spins before it sleeps; default 20 µs, negative: none
}

// A Handler answers a request. The response is sent if the error is nil. A *HandlerError reaches the client as it is; of other errors the
// text does. ctx ends when the client cancels the call, its process dies, the deadline of the call is over, or the server closes;
// context.Cause says which.
//
// A handler of []byte requests must not use call or ctx after it has returned: they, and the request, then belong to a later call. A
// handler that panics ends the program. It must return, not end its goroutine as runtime.Goexit and testing.T.FailNow do. While it calls a
// service, it counts for Concurrency: a handler that calls its own server waits in vain if that runs no other one.
type Handler[Req, Resp any] func(ctx context.Context, call *Call[Req, Resp]) (Resp, error)

// A StreamHandler sends any number of responses with call.Send. The responses end when it returns. It is otherwise like a Handler.
type StreamHandler[Req, Resp any] func(ctx context.Context, call *Call[Req, Resp]) error

// A Server answers the calls of one name.
type Server[Req, Resp any] struct {
	p        *topic.Participant
	opts     ServerOptions[Req, Resp]
	unary    Handler[Req, Resp]
	stream   StreamHandler[Req, Resp]
	raw      bool // requests are []byte: calls are used again
	respond  serde.Codec[message[Resp]]
	rawReply bool // responses are []byte without an encoder

	registration *registration
	requests     *topic.Subscriber[message[Req]]
	poller       poller[message[Req]] // of requests
	control      *topic.Subscriber[[]byte]
	work         workers
	sends        runningSends[Req, Resp]
	figures      figures

	clock clock.Clock

	closing atomic.Bool // set before the contexts of open calls end; no call is opened afterwards

	last atomic.Pointer[serverConn[Req, Resp]] // whose request was taken last

	ctx    context.Context // ends with Close; not that of handlers
	cancel context.CancelFunc
	loops  sync.WaitGroup // of control and connecting
	once   sync.Once
	closed error

	mu      sync.Mutex
	clients map[topic.PublisherID]*serverConn[Req, Resp] // by request publisher
	byCtl   map[topic.PublisherID]*serverConn[Req, Resp] // by control publisher
	leaving []topic.PublisherID                          // clients that are gone, oldest first
	quotas  quotas
}

// NewServer registers a server. It returns when the server has the name and existing clients find it. If another server has the name the
// error is a *ServerExistsError. ctx bounds only this.
func NewServer[Req, Resp any](ctx context.Context, p *topic.Participant, name string, handler Handler[Req, Resp], opts *ServerOptions[Req, Resp]) (*Server[Req, Resp], error) {
	return newServer(ctx, p, name, &Server[Req, Resp]{unary: handler}, opts)
}

// NewStreamServer is NewServer for a handler that sends any number of responses.
func NewStreamServer[Req, Resp any](ctx context.Context, p *topic.Participant, name string, handler StreamHandler[Req, Resp], opts *ServerOptions[Req, Resp]) (*Server[Req, Resp], error) {
	return newServer(ctx, p, name, &Server[Req, Resp]{stream: handler}, opts)
}

func newServer[Req, Resp any](ctx context.Context, p *topic.Participant, name string, s *Server[Req, Resp], opts *ServerOptions[Req, Resp]) (_ *Server[Req, Resp], err error) {
	if opts != nil {
		s.opts = *opts
	}
	if err := CheckName(name); err != nil {
		return nil, err
	}
	switch {
	case s.unary == nil && s.stream == nil:
		return nil, fmt.Errorf("serve %q: the handler is nil", name)
	case s.opts.Concurrency < 0:
		return nil, fmt.Errorf("serve %q: Concurrency is %d, must be positive; 0 means GOMAXPROCS", name, s.opts.Concurrency)
	case s.opts.MaxCalls < 0 || s.opts.MaxCalls > maxMaxCalls:
		return nil, fmt.Errorf("serve %q: MaxCalls is %d, must be at most %d; 0 means %d", name, s.opts.MaxCalls, maxMaxCalls, defMaxCalls)
	}
	if s.opts.SendTimeout < 0 {
		return nil, fmt.Errorf("serve %q: SendTimeout is %v, must be positive; 0 means %v", name, s.opts.SendTimeout, defSendTimeout)
	}
	if err := checkLimits(s.opts.MaxPayload, s.opts.MemoryLimit); err != nil {
		return nil, fmt.Errorf("serve %q: %w", name, err)
	}
	s.opts.Concurrency = cmp.Or(s.opts.Concurrency, runtime.GOMAXPROCS(0))
	s.opts.MaxCalls = cmp.Or(s.opts.MaxCalls, defMaxCalls)
	s.opts.SendTimeout = cmp.Or(s.opts.SendTimeout, defSendTimeout)
	requests, err := codecFor(s.opts.RequestCodec)
	if err != nil {
		return nil, fmt.Errorf("serve %q: %w", name, err)
	}
	if s.respond, err = codecFor(s.opts.ResponseCodec); err != nil {
		return nil, fmt.Errorf("serve %q: %w", name, err)
	}
	s.clock = clock.New()
	s.p, s.raw, s.rawReply = p, isBytes[Req](), isOpaque(s.opts.ResponseCodec)
	s.clients, s.byCtl = map[topic.PublisherID]*serverConn[Req, Resp]{}, map[topic.PublisherID]*serverConn[Req, Resp]{}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.drop())
		}
	}()
	var key [8]byte
	rand.Read(key[:])
	d := Description{
		Name: name, Key: binary.NativeEndian.Uint64(key[:]),
		Request: TypeOfValues(requests.Type()), Response: TypeOfValues(s.respond.Type()),
		Stream: s.stream != nil, Group: s.opts.Group, Concurrency: s.opts.Concurrency, MaxCalls: s.opts.MaxCalls, Goals: s.opts.Goals,
	}
	if err := mayRespond(ctx, p, d); err != nil {
		return nil, fmt.Errorf("serve %q: %w", name, err)
	}
	if s.registration, err = register(ctx, p, d); err != nil {
		return nil, err
	}
	s.control, err = topic.NewSubscriber(ctx, p, topicOf(name, segmentControl, keyName(d.Key)), &topic.SubscriberOptions[[]byte]{
		Codec: controlCodec(), Ended: s.controlEnded, Spin: -1,
	})
	if err != nil {
		return nil, err
	}
	s.requests, err = topic.NewSubscriber(ctx, p, topicOf(name, segmentRequest, keyName(d.Key)), &topic.SubscriberOptions[message[Req]]{
		Codec: requests, Lossless: true, MaxHeld: maxHeld, Spin: subscriberSpin(s.opts.Spin), Ended: s.requestsEnded,
	})
	if err != nil {
		return nil, err
	}
	s.poller = newPoller(s.requests, s.opts.Spin)
	s.figures.of = s.opts.Figures
	if err := s.figures.start(ctx, p, name); err != nil {
		return nil, err
	}
	s.loops.Go(s.controlLoop)
	s.work.start(s.opts.Concurrency, &s.figures.begun, s.receive)
	if err := s.registration.serve(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func isBytes[T any]() bool {
	_, ok := any(*new(T)).([]byte)
	return ok
}

// isOpaque reports whether values are []byte that a codec copies unchanged.
func isOpaque[T any](c serde.Codec[T]) bool {
	return isBytes[T]() && (c == nil || serde.IsOpaque(c))
}

// Name returns the name of the service.
func (s *Server[Req, Resp]) Name() string { return s.registration.d.Name }

// Close ends the server: it takes no request any more, cancels the contexts of its handlers, and waits until they have returned. Their
// results still reach the clients. Requests that were not taken end with ErrNotStarted. A handler must not call Close. Further calls wait
// for the first one and return its result.
func (s *Server[Req, Resp]) Close() error {
	s.once.Do(func() { s.closed = s.drop() })
	return s.closed
}

// drop ends what there is of a server.
func (s *Server[Req, Resp]) drop() error {
	var errs []error
	if s.registration != nil {
		errs = append(errs, s.registration.announce.Close()) // clients send nothing any more
	}
	s.closing.Store(true)
	s.cancel()
	s.mu.Lock()
	for _, c := range s.clients {
		c.cancelAll(ErrServerClosed)
	}
	s.mu.Unlock()
	s.sends.close(ErrServerClosed)
	s.work.stop()
	if s.requests != nil {
		errs = append(errs, s.requests.Close())
	}
	if s.control != nil {
		errs = append(errs, s.control.Close())
	}
	s.loops.Wait()
	s.mu.Lock()
	clients := s.clients
	s.clients = nil
	s.mu.Unlock()
	for _, c := range clients {
		c.sendClosed()
		errs = append(errs, c.close())
	}
	errs = append(errs, s.figures.stop())
	for i, err := range errs {
		if errors.Is(err, os.ErrClosed) { // the participant closed first
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}

// Causes of the end of a handler's context, as context.Cause returns them.
var (
	ErrCallCancelled = errors.New("the client cancelled the call")
	ErrClientGone    = errors.New("the client has left or its process ended")
	ErrServerClosed  = errors.New("the server closes")
)
