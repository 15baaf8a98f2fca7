package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/registry"
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
	conns   []*conn[Req, Resp] // in the order of their keys
	refusal error              // why the last server that is not connected is not
	changed chan struct{}      // closed and replaced when conns or refusal changed
}

// NewClient creates a client. It returns when the connections to existing servers are made, or after a second if one of them does not
// answer. No server needs to exist. A server of other types is a *topic.TypeMismatchError. ctx bounds only this.
func NewClient[Req, Resp any](ctx context.Context, p *topic.Participant, name string, opts *ClientOptions[Req, Resp]) (_ *Client[Req, Resp], err error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	c := &Client[Req, Resp]{p: p, name: name, clock: clock.New(), changed: make(chan struct{})}
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

// discover connects to servers that appear later.
func (c *Client[Req, Resp]) discover() {
	for {
		s, err := c.servers.Receive(c.ctx)
		if err != nil {
			return
		}
		d, err := readDescription(s, c.name)
		id, server := s.Publisher(), s.Participant()
		s.Release()
		if err == nil {
			c.found(id, ServerInfo{Description: d, Server: server})
		}
	}
}

// found connects to a server that serves, unless that has begun already.
func (c *Client[Req, Resp]) found(id topic.PublisherID, info ServerInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !info.Serving || c.closed || slices.ContainsFunc(c.conns, func(k *conn[Req, Resp]) bool { return k.announcement == id }) {
		return
	}
	if err := c.checkTypes(info); err != nil {
		c.refusal = err
		c.signal()
		return
	}
	c.refusal = nil
	k := newConn(c, id, info)
	c.conns = append(c.conns, k)
	c.setOnly()
	slices.SortFunc(c.conns, func(a, b *conn[Req, Resp]) int { return cmp.Compare(a.info.Key, b.info.Key) })
	c.loops.Go(k.connect) // not closed: checked above
}

// checkTypes compares the types of client and server, as they are compared for topics.
func (c *Client[Req, Resp]) checkTypes(info ServerInfo) error {
	here := registry.EndpointID{Participant: c.p.ID()}
	there := registry.EndpointID{Participant: info.Server.ID}
	request := endpointOf(c.name, here, TypeOfValues(c.requests.Type()))
	served := endpointOf(c.name, there, info.Request)
	served.ChecksSchema = true // the server checks schemas when it connects
	if err := registry.Match(request, served); err != nil {
		return fmt.Errorf("call %q, requests: %w", c.name, named(err, info.Server))
	}
	response := endpointOf(c.name, here, TypeOfValues(c.responses.Type()))
	answered := endpointOf(c.name, there, info.Response)
	check, checks := c.responses.(serde.TypeChecker)
	response.ChecksSchema = checks
	err := registry.Match(answered, response)
	if err == nil && checks && string(info.Response.Schema) != string(response.Schema) && len(info.Response.Schema)*len(response.Schema) != 0 {
		if differ := check.CheckType(typeOfMessages(info.Response)); differ != nil {
			err = registry.Mismatch(answered, response, differ.Error())
		}
	}
	if err != nil {
		return fmt.Errorf("call %q, responses: %w", c.name, named(err, info.Server))
	}
	return nil
}

// named adds the server's process to a mismatch of types.
func named(err error, server registry.Participant) error {
	var e *topic.TypeMismatchError
	if errors.As(err, &e) {
		for _, t := range []*registry.TypeRef{&e.Publisher, &e.Subscription} {
			if t.EndpointID.Participant == server.ID {
				t.Unit, t.PID, t.Executable = server.Unit, server.PID, server.Executable
			}
		}
	}
	return err
}

func endpointOf(name string, id registry.EndpointID, t serde.Type) registry.Endpoint {
	return registry.Endpoint{ID: id, Topic: name, TypeName: t.Name, Encoding: t.Encoding, SchemaEncoding: t.SchemaEncoding, Schema: t.Schema}
}

// signal wakes those that wait for a change. Called with mu held.
func (c *Client[Req, Resp]) signal() {
	c.setOnly()
	close(c.changed)
	c.changed = make(chan struct{})
}

// setOnly follows a change of the connections. Called with mu held.
func (c *Client[Req, Resp]) setOnly() {
	if len(c.conns) == 1 && c.conns[0].phase == connReady && !c.closed {
		c.only.Store(c.conns[0])
	} else {
		c.only.Store(nil)
	}
}

// serverEnded is called when a server has closed or died.
func (c *Client[Req, Resp]) serverEnded(id topic.PublisherID) {
	c.mu.Lock()
	var gone *conn[Req, Resp]
	for _, k := range c.conns {
		if k.announcement == id {
			gone = k
		}
	}
	c.refusal = nil
	c.mu.Unlock()
	if gone != nil {
		gone.serverEnded()
	}
}

// remove forgets a connection that has failed.
func (c *Client[Req, Resp]) remove(k *conn[Req, Resp]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = slices.DeleteFunc(c.conns, func(other *conn[Req, Resp]) bool { return other == k })
	c.signal()
}

// choose returns the connection with the fewest open calls.
func (c *Client[Req, Resp]) choose(ctx context.Context, wait bool) (*conn[Req, Resp], error) {
	if k := c.only.Load(); k != nil {
		return k, nil
	}
	for {
		c.mu.Lock()
		var best *conn[Req, Resp]
		fewest, connecting := 0, false
		for _, k := range c.conns {
			switch k.phase {
			case connConnecting:
				connecting = true
			case connReady:
				n := int(k.open.Load())
				if k.isFull() {
					n = math.MaxInt // only if all servers have as many open calls as they allow
				}
				if best == nil || n < fewest {
					best, fewest = k, n
				}
			}
		}
		changed, refusal, closed := c.changed, c.refusal, c.closed
		c.mu.Unlock()
		switch {
		case closed:
			return nil, c.fail(nil, errClientClosed, "")
		case best != nil:
			return best, nil
		case !connecting && refusal != nil && !wait:
			return nil, refusal
		case !connecting && !wait:
			return nil, c.fail(nil, ErrNoServer, "start one, or wait with WaitForServer or the option Wait")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, c.fail(nil, ctx.Err(), "no server answered")
		}
	}
}

// hasRoom reports whether a server that is connected can have another call.
func (c *Client[Req, Resp]) hasRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.conns, func(k *conn[Req, Resp]) bool { return k.phase == connReady && !k.isFull() })
}

// fail returns the error of a call that has no response.
func (c *Client[Req, Resp]) fail(k *conn[Req, Resp], err error, detail string) error {
	e := &CallError{Service: c.name, Err: err, Detail: detail}
	if k != nil {
		e.Server = k.info.Server
	}
	return e
}

// WaitForServer waits until a server can be called.
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
// valid. Further calls do nothing.
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
	for _, k := range conns {
		k.fail(errClientClosed)
	}
	c.loops.Wait()
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
