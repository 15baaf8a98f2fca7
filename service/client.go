package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// ClientOptions are the limits of a client and the serialization of its messages. The zero value suits most clients.
type ClientOptions[Req, Resp any] struct {
	RequestCodec  serde.Codec[Req]  // default serde.Default[Req]()
	ResponseCodec serde.Codec[Resp] // default serde.Default[Resp]()

	// MaxCalls is the number of calls that may be open at once at each server; default 16, at most 480. The server may allow fewer. A
	// call beyond it is ErrBusy.
	MaxCalls int
	// Wait makes calls wait for a server, until their ctx ends, where they would return ErrNoServer.
	Wait bool

	MaxPayload  int           // bytes of the largest request, with HeaderSize; default 256 MiB
	MemoryLimit int64         // bytes of all requests to one server; default 1 GiB
	Spin        time.Duration // time that the wait for a response spins before it sleeps; default 20 µs, negative: none
}

// A Client calls the servers of one name.
type Client[Req, Resp any] struct {
	p         *topic.Participant
	name      string
	opts      ClientOptions[Req, Resp]
	requests  serde.Codec[message[Req]]
	responses serde.Codec[message[Resp]]
	clock     clock.Clock
	raw       bool // requests are []byte without an encoder
	bytes     bool // responses are []byte

	servers *topic.Subscriber[[]byte] // announcements
	ctx     context.Context           // ends with Close
	cancel  context.CancelFunc
	loops   sync.WaitGroup

	only atomic.Pointer[conn[Req, Resp]] // the connection, if there is exactly one and it is ready

	mu      sync.Mutex
	closed  bool
	conns   []*conn[Req, Resp]         // in the order of their keys
	waiting []waitingServer            // servers to which there may be no further connection
	heard   map[topic.PublisherID]bool // servers whose announcements were read, and do not register any more
	refusal error                      // why the last server that is not connected is not
	changed chan struct{}              // closed and replaced when conns or refusal changed
	moving  int                        // requests of Send that a server had not taken when it ended, and no other one has yet
}

// NewClient creates a client. It returns when the connections to existing servers are made, or after a second if one of them does not
// answer, because its process is stopped for example; calls then wait for it. No server needs to exist. A server of other types is a
// *topic.TypeMismatchError. ctx bounds only this.
func NewClient[Req, Resp any](ctx context.Context, p *topic.Participant, name string, opts *ClientOptions[Req, Resp]) (_ *Client[Req, Resp], err error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	c := &Client[Req, Resp]{p: p, name: name, clock: clock.New(), changed: make(chan struct{}), heard: map[topic.PublisherID]bool{}}
	if opts != nil {
		c.opts = *opts
	}
	if c.opts.MaxCalls < 0 || c.opts.MaxCalls > maxMaxCalls {
		return nil, fmt.Errorf("call %q: MaxCalls is %d, must be at most %d; 0 means %d", name, c.opts.MaxCalls, maxMaxCalls, defMaxCalls)
	}
	if err := checkLimits(c.opts.MaxPayload, c.opts.MemoryLimit); err != nil {
		return nil, fmt.Errorf("call %q: %w", name, err)
	}
	c.opts.MaxCalls = cmp.Or(c.opts.MaxCalls, defMaxCalls)
	if c.requests, err = codecFor(c.opts.RequestCodec); err != nil {
		return nil, fmt.Errorf("call %q: %w", name, err)
	}
	if c.responses, err = codecFor(c.opts.ResponseCodec); err != nil {
		return nil, fmt.Errorf("call %q: %w", name, err)
	}
	c.raw, c.bytes = isOpaque(c.opts.RequestCodec), isBytes[Resp]()
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.servers, err = topic.NewSubscriber(ctx, p, topicOf(name, segmentServer), &topic.SubscriberOptions[[]byte]{
		Codec: descriptionCodec(), Ended: c.serverEnded, Spin: -1,
	})
	if err != nil {
		c.cancel()
		return nil, fmt.Errorf("call %q: look for its servers: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	found := map[topic.PublisherID]ServerInfo{}
	if err := readAnnouncements(c.servers, name, found); err != nil {
		return nil, err
	}
	for id, info := range found {
		c.found(id, info)
		if info.Serving || info.Name == "" { // serving, or unreadable
			c.setHeard(id)
		}
	}
	c.loops.Go(c.discover)
	if err := c.awaitConnected(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// connectTimeout bounds the wait for a server that exists and does not answer, as for topics.
const connectTimeout = time.Second

// awaitConnected waits until no connection is being made.
func (c *Client[Req, Resp]) awaitConnected(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for {
		c.mu.Lock()
		changed, refusal := c.changed, c.refusal
		connecting, ready := 0, 0
		for _, k := range c.conns {
			switch k.phase {
			case connConnecting:
				connecting++
			case connReady:
				ready++
			}
		}
		c.mu.Unlock()
		if connecting == 0 {
			if ready == 0 {
				return refusal
			}
			return nil
		}
		select {
		case <-changed:
		case <-limited.Done():
			if ctx.Err() == nil {
				return nil // after connectTimeout
			}
			return c.fail(nil, ctx.Err(), fmt.Sprintf("servers that have not answered: %d", connecting))
		}
	}
}

// fail returns the error of a call that has no response.
func (c *Client[Req, Resp]) fail(k *conn[Req, Resp], err error, detail string) error {
	e := &CallError{Service: c.name, Err: err, Detail: detail}
	if k != nil {
		e.Server = k.info.Server
		if errors.Is(err, context.DeadlineExceeded) && isStopped(&e.Server) {
			e.Detail = stoppedText(e.Server)
		}
	}
	return e
}

// WaitForServer waits until a server can be called. An error names a server whose process is stopped.
func (c *Client[Req, Resp]) WaitForServer(ctx context.Context) error {
	_, err := c.choose(ctx, true)
	return err
}

// Name returns the name of the service.
func (c *Client[Req, Resp]) Name() string { return c.name }

// Servers returns the servers that the client is connected to.
func (c *Client[Req, Resp]) Servers() []ServerInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	var servers []ServerInfo
	for _, k := range c.conns {
		if k.phase == connReady {
			servers = append(servers, k.info)
		}
	}
	return servers
}

// Close closes the client. Open calls return os.ErrClosed and are cancelled at their servers. Responses that the application holds stay
// valid. The error wraps ErrNotStarted if requests of Send waited for another server of a group, and ErrOutcomeUnknown if a server of one that
// ends had not said which it took. Further calls do nothing.
func (c *Client[Req, Resp]) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	conns := slices.Clone(c.conns)
	c.signal()
	c.mu.Unlock()
	c.cancel()
	errs := []error{c.servers.Close()}
	c.loops.Wait() // one may have taken the last message of a server, and not have read it
	for _, k := range conns {
		errs = append(errs, k.undecided())
		k.fail(errClientClosed)
	}
	if c.moving > 0 {
		errs = append(errs, c.fail(nil, ErrNotStarted, fmt.Sprintf("%d requests of Send: their servers ended, and no other one had room", c.moving)))
	}
	for _, k := range conns {
		errs = append(errs, k.close()) // again: it may have been connecting when it failed
	}
	return errors.Join(errs...)
}

// spawn runs f on a goroutine that Close waits for, unless the client is closed.
func (c *Client[Req, Resp]) spawn(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.loops.Go(f)
	}
}
