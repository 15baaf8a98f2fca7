package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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
		if d.Serving || err != nil { // otherwise it registers, and says next that it serves, or ends
			c.setHeard(id)
		}
	}
}

// setHeard remembers that an announcement was read, after what follows from it is done.
func (c *Client[Req, Resp]) setHeard(id topic.PublisherID) {
	c.mu.Lock()
	c.heard[id] = true
	c.mu.Unlock()
	c.endIfGone(id) // it may have ended before the announcement was read
}

// endIfGone calls serverEnded again for a server that is gone.
func (c *Client[Req, Resp]) endIfGone(id topic.PublisherID) {
	if !slices.ContainsFunc(c.servers.MatchedPublishers(), func(m topic.MatchedPublisher) bool { return m.ID == id }) {
		c.serverEnded(id)
	}
}

// unheard returns the servers whose announcements were not read: they register, their processes have not answered, or discover has not come to
// them. The connections to all others were begun before it returns.
func (c *Client[Req, Resp]) unheard() (servers []registry.Participant) {
	matched := c.servers.MatchedPublishers() // first: a server is matched before it is heard
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range matched {
		if !c.heard[m.ID] {
			servers = append(servers, m.Participant)
		}
	}
	return servers
}

// found connects to a server that serves, unless that has begun already.
func (c *Client[Req, Resp]) found(id topic.PublisherID, info ServerInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin(id, info)
}

// begin is found. Called with mu held.
func (c *Client[Req, Resp]) begin(id topic.PublisherID, info ServerInfo) {
	if !info.Serving || c.closed || slices.ContainsFunc(c.conns, func(k *conn[Req, Resp]) bool { return k.announcement == id }) {
		return
	}
	err := c.checkTypes(info)
	if err == nil {
		if err = c.checkPlaces(info.Server); err != nil {
			c.keepWaiting(id, info)
		}
	}
	if err != nil {
		c.refusal = err
		c.signal()
		return
	}
	c.refusal = nil
	k := newConn(c, id, info)
	c.conns = append(c.conns, k)
	slices.SortFunc(c.conns, func(a, b *conn[Req, Resp]) int { return cmp.Compare(a.info.Key, b.info.Key) })
	c.signal()
	c.loops.Go(k.connect) // not closed: checked above
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
	delete(c.heard, id)
	c.waiting = slices.DeleteFunc(c.waiting, func(w waitingServer) bool { return w.id == id })
	c.mu.Unlock()
	if gone != nil {
		gone.serverEnded()
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// remove forgets a connection that has failed, and gives its place to a server that waits for one.
func (c *Client[Req, Resp]) remove(k *conn[Req, Resp]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = slices.DeleteFunc(c.conns, func(other *conn[Req, Resp]) bool { return other == k })
	c.signal()
	if i := slices.IndexFunc(c.waiting, func(w waitingServer) bool { return c.checkPlaces(w.info.Server) == nil }); i >= 0 {
		next := c.waiting[i]
		c.waiting = slices.Delete(c.waiting, i, i+1)
		c.begin(next.id, next.info)
	}
}

// choose returns the connection with the fewest open calls and requests that wait at it.
func (c *Client[Req, Resp]) choose(ctx context.Context, wait bool) (*conn[Req, Resp], error) {
	if k := c.only.Load(); k != nil {
		return k, nil
	}
	var silent silence
	for {
		c.forgetTaken()
		c.mu.Lock()
		var best *conn[Req, Resp]
		fewest, connecting := 0, false
		first := rand.IntN(len(c.conns) + 1) // of servers with equally many, clients that make one call each take different ones
		for i := range c.conns {
			k := c.conns[(first+i)%len(c.conns)]
			switch k.phase {
			case connConnecting:
				connecting = true
			case connReady:
				n := int(k.open.Load()) + int(k.waitingSends.Load())
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
		}
		var again <-chan time.Time
		if !connecting && !wait {
			switch {
			case silent.goesOn(c.unheard(), refusedBy(refusal)):
				again = time.After(silentInterval)
			case isClosed(changed):
				continue // a server has answered after the connections were looked at
			case refusal != nil:
				return nil, refusal
			default:
				return nil, c.fail(nil, ErrNoServer, "start one, or wait with WaitForServer or the option Wait")
			}
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			if s, stopped := c.stoppedServer(); stopped {
				return nil, &CallError{Service: c.name, Server: s, Err: ctx.Err(), Detail: stoppedText(s)}
			}
			if refusal != nil {
				return nil, c.fail(nil, fmt.Errorf("%w: %w", ctx.Err(), refusal), "")
			}
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
