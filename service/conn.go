package service

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// errClientClosed is the result of calls that are open when the client closes.
var errClientClosed = fmt.Errorf("the client is closed: %w", os.ErrClosed)

// Phases of a connection.
const (
	connConnecting = iota
	connReady
	connFailed
)

// A conn is a client's connection to one server: rings for requests and control, and one for responses.
//
// One of the goroutines that wait for responses receives for all of them, so that a single caller needs no other goroutine. When it has
// its own response, it hands this role to another one that waits.
type conn[Req, Resp any] struct {
	client       *Client[Req, Resp]
	announcement topic.PublisherID
	info         ServerInfo
	phase        int           // guarded by client.mu
	open         atomic.Uint64 // calls; written with mu held

	requests  *topic.Publisher[message[Req]]
	control   *topic.Publisher[[]byte]
	responses *topic.Subscriber[message[Resp]]
	poller    poller[message[Resp]] // of responses
	depth     uint64                // of the ring of requests

	mu        sync.Mutex
	err       error  // why the connection failed; nil while it works
	died      bool   // the server closed or died; err follows when its last response was taken
	closed    bool   // the server said that it has answered all that it took
	untaken   uint64 // sequence of the first request that it then had not taken; 0 = not said
	sequence  uint64 // of the last request
	taken     uint64 // sequence up to which the server has taken, as known here
	last      uint64 // when err is set: sequence after which the server has certainly taken none; unknownTaken while it may
	calls     uint64 // number of calls so far
	slots     []slot[Resp]
	free      []int
	receiving bool // a goroutine has the role
	waiting   int  // goroutines that wait without it
	sent      []sentRequest
	encoder   serde.Encoder[message[Req]] // of sent; nil before the first

	waitingSends atomic.Int64 // length of sent; written with mu held
}

// A slot is the place of an open call.
type slot[Resp any] struct {
	number   uint64 // of the call; 0 = free
	sequence uint64 // of its request
	stream   bool   // any number of responses come
	answered bool   // the last response has come
	unwanted bool   // no goroutine waits any more; the last response frees the slot
	waiting  bool   // a goroutine waits without the role
	arrived  chan arrival[Resp]
}

// An arrival is what a waiting goroutine gets: a response, the error of the connection, or the role of the receiver.
type arrival[Resp any] struct {
	sample topic.Sample[message[Resp]]
	header Header
	err    error
	role   bool
}

func newConn[Req, Resp any](c *Client[Req, Resp], id topic.PublisherID, info ServerInfo) *conn[Req, Resp] {
	k := &conn[Req, Resp]{client: c, announcement: id, info: info}
	n := min(c.opts.MaxCalls, info.MaxCalls)
	k.slots = make([]slot[Resp], n)
	for i := range k.slots {
		k.slots[i].arrived = make(chan arrival[Resp], Window+3) // the responses of a stream, its end, an error, and the role
		k.free = append(k.free, n-1-i)
	}
	return k
}

// welcomeTimeout bounds the wait for a server to answer a client that introduces itself. retryInterval follows.
const (
	welcomeTimeout = 5 * time.Second
	retryInterval  = time.Second
)

// connect makes the rings and introduces the client to the server. If that fails while the server is there, it tries again.
func (k *conn[Req, Resp]) connect() {
	c := k.client
	err := k.introduce()
	c.mu.Lock()
	if err == nil && k.phase == connConnecting {
		k.phase = connReady
	}
	if err != nil && !c.closed && k.phase == connConnecting { // else the server has ended, or the connection has
		c.refusal = c.fail(k, &connectError{err}, "")
	}
	c.signal()
	c.mu.Unlock()
	if err == nil {
		return
	}
	k.fail(err)
	select {
	case <-time.After(retryInterval):
	case <-c.ctx.Done():
		return
	}
	k.mu.Lock()
	died := k.died
	k.mu.Unlock()
	if !died {
		c.found(k.announcement, k.info)
		c.endIfGone(k.announcement) // it may have ended while there was no connection
	}
}

func (k *conn[Req, Resp]) introduce() error {
	ctx, cancel := context.WithTimeout(k.client.ctx, welcomeTimeout)
	defer cancel()
	if err := k.makeRings(ctx); err != nil {
		return fmt.Errorf("make the rings: %w", err)
	}
	if err := k.mayAnswer(); err != nil {
		return err
	}
	// The server must not miss requests that other subscriptions, such as a recorder's, have taken.
	if err := k.requests.WaitSubscriberOf(ctx, k.info.Server.ID); err != nil {
		return noAnswer(err, k.client.differingSchemas(k.info))
	}
	if _, err := k.control.Publish(ctx, control{slot: helloSlot, requests: k.requests.ID().Number, number: uint64(len(k.slots))}.bytes()); err != nil {
		return err
	}
	failpoint.At("connect.hello")
	return k.awaitWelcome(ctx)
}

// mayAnswer returns a *registry.ForbiddenError if the policy does not let the server publish responses. The server has no other way to say so.
func (k *conn[Req, Resp]) mayAnswer() error {
	policy, err := registry.LoadPolicy(k.client.p.Dir())
	if err != nil {
		return err
	}
	return policy.AuthorizePublish(k.info.Server, topicOf(k.client.name, segmentResponse, k.requests.ID().String()))
}

func (k *conn[Req, Resp]) makeRings(ctx context.Context) (err error) {
	c, key := k.client, keyName(k.info.Key)
	k.depth = 1 << bits.Len(uint(len(k.slots)+sendRoom-1))
	requests, err := topic.NewPublisher(ctx, c.p, topicOf(c.name, segmentRequest, key), &topic.PublisherOptions[message[Req]]{
		Codec: c.requests, Depth: int(k.depth), MaxPayload: c.opts.MaxPayload, MemoryLimit: c.opts.MemoryLimit,
		NeverWaits: true, // there is room; a foreign subscription must not hold up calls
		KeepFor:    k.info.Server.ID,
		Volatile:   true,
	})
	if err != nil {
		return err
	}
	failpoint.At("connect.requests")
	responses, err := topic.NewSubscriber(ctx, c.p, topicOf(c.name, segmentResponse, requests.ID().String()), &topic.SubscriberOptions[message[Resp]]{
		Codec: c.responses, MaxHeld: maxHeld, Spin: subscriberSpin(c.opts.Spin), Ended: k.responsesEnded,
	})
	if err != nil {
		return errors.Join(err, requests.Close())
	}
	failpoint.At("connect.responses")
	names := make(map[uint32]string, len(k.slots)+1)
	for i := range k.slots {
		names[uint32(i)] = strconv.Itoa(i)
	}
	names[helloSlot] = "hello"
	control, err := topic.NewPublisher(ctx, c.p, topicOf(c.name, segmentControl, key), &topic.PublisherOptions[[]byte]{
		Codec: controlCodec(), MaxPayload: controlSize, MaxKeys: len(k.slots) + 1, NeverWaits: true,
		Key: func(b []byte) string { m, _ := parseControl(b); return names[m.slot] },
	})
	if err != nil {
		return errors.Join(err, responses.Close(), requests.Close())
	}
	failpoint.At("connect.control")
	k.mu.Lock()
	k.requests, k.responses, k.control = requests, responses, control
	k.poller = newPoller(responses, c.opts.Spin)
	failed := k.err
	k.mu.Unlock()
	if failed != nil {
		return errors.Join(failed, k.close()) // it failed before there were rings to close
	}
	return nil
}

// noAnswer is the error of a wait for the server that ended with err. other is a cause beside the usual ones.
func noAnswer(err error, other string) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("it has not answered for %v: %sits process is stopped, or it has %d clients of this process or all that it can have", welcomeTimeout, other, maxOfProcess)
}

// awaitWelcome waits until the server is ready for requests.
func (k *conn[Req, Resp]) awaitWelcome(ctx context.Context) error {
	for {
		m, err := k.responses.Receive(ctx)
		if err != nil {
			return noAnswer(err, "")
		}
		var h Header
		err = m.Read(func(b []byte) (err error) {
			h, _, err = ParseHeader(b)
			return err
		})
		m.Release()
		if err == nil && h.Kind == KindWelcome && m.Publisher().Participant == k.info.Server.ID {
			return nil
		}
		if ctx.Err() != nil { // also while other messages come without an end
			return fmt.Errorf("it sends responses and does not take the client: %w", ctx.Err())
		}
	}
}

// maxHeld is the number of responses of one server that may be held: as many as a subscriber can.
const maxHeld = 960

// serverEnded is called when the server's announcement is gone. Its responses are read to the end first, if it has made that ring.
func (k *conn[Req, Resp]) serverEnded() {
	k.mu.Lock()
	k.died = true
	never := k.responses == nil || k.responses.Publishers() == 0
	k.mu.Unlock()
	connecting := k.startNoCalls()
	k.client.spawn(func() {
		if never || connecting {
			k.fail(errServerEnded)
		} else {
			k.awaitLast()
		}
	})
}

// lastInterval is the longest time between two looks for the last message of a server that ends, which may wait long for its handlers.
const lastInterval = 20 * time.Millisecond

// awaitLast receives from a server that ends until the connection has failed. Without a caller that waits, no other goroutine receives the
// server's last message, and while requests of Send are not taken it says which of them move.
func (k *conn[Req, Resp]) awaitLast() {
	for interval := moveInterval; ; interval = min(2*interval, lastInterval) {
		k.drain(k.client.ctx)
		k.mu.Lock()
		failed := k.err != nil
		k.mu.Unlock()
		if failed {
			return
		}
		if k.waitingSends.Load() > 0 {
			interval = moveInterval
		}
		select {
		case <-time.After(interval):
		case <-k.client.ctx.Done():
			return
		}
	}
}

// startNoCalls keeps new calls from a server that ends, also when the connection is made meanwhile. It reports whether it was being made.
func (k *conn[Req, Resp]) startNoCalls() (connecting bool) {
	k.client.mu.Lock()
	defer k.client.mu.Unlock()
	connecting = k.phase == connConnecting
	k.phase = connFailed
	k.client.refusal = nil // it may just have failed
	k.client.signal()
	return connecting
}

// responsesEnded is called when all responses of a server that is gone have been taken.
func (k *conn[Req, Resp]) responsesEnded(id topic.PublisherID) {
	if id.Participant == k.info.Server.ID {
		k.client.spawn(func() { k.fail(errServerEnded) }) // this may run within a method that a caller with a lock has called
	}
}

var (
	errServerEnded  = errors.New("the server's process ended")
	errServerClosed = errors.New("the server closed")
)

// fail ends the connection and every open call, and closes the rings.
func (k *conn[Req, Resp]) fail(err error) {
	k.client.mu.Lock()
	k.phase = connFailed
	k.client.setOnly()
	k.client.mu.Unlock()
	k.mu.Lock()
	if k.err != nil {
		var moved []sentRequest
		if k.closed && k.untaken > 0 { // another goroutine had taken the server's last message, and not yet read it, when the connection failed
			moved = k.sentAfter(0)
		}
		k.mu.Unlock()
		k.client.move(moved)
		return
	}
	if k.closed && !errors.Is(err, os.ErrClosed) {
		err = errServerClosed
	}
	k.err = err
	k.last = k.lastTaken()
	for i := range k.slots {
		s := &k.slots[i]
		if s.number == 0 || s.unwanted {
			continue
		}
		k.setWaiting(s, false)
		select {
		case s.arrived <- arrival[Resp]{err: k.resultOf(s.sequence, k.last)}:
		default: // the stream has ended already
		}
	}
	moved := k.sentAfter(k.last)
	k.mu.Unlock()
	k.client.remove(k)
	k.close() // wakes the goroutine that receives
	k.client.move(moved)
}

// unknownTaken stands for the sequence up to which a server has taken while it may take more.
const unknownTaken = math.MaxUint64

// lastTaken returns the sequence up to which a server that has ended may have taken. It asks first whether the server's participant is gone:
// one that is there may take a request after its responses have ended, as one that closes its publishers before its subscriptions does.
// Called with mu held.
func (k *conn[Req, Resp]) lastTaken() uint64 {
	switch {
	case k.requests == nil:
		return 0
	case errors.Is(k.err, os.ErrClosed): // this end has closed
		return unknownTaken
	}
	if gone, err := registry.IsDead(k.client.p.Dir(), k.info.Server.ID); err != nil || !gone {
		return unknownTaken
	}
	return k.requests.Taken(k.info.Server.ID)
}

// resultOf returns the result of a call that gets no response. Called with mu held.
func (k *conn[Req, Resp]) resultOf(sequence, taken uint64) error {
	switch {
	case errors.Is(k.err, os.ErrClosed):
		return k.client.fail(k, k.err, "")
	case errors.Is(k.err, errServerClosed):
		return k.client.fail(k, ErrNotStarted, k.err.Error())
	case sequence > taken:
		return k.client.fail(k, ErrNotStarted, k.err.Error()+" before it took the request")
	case taken == unknownTaken:
		return k.client.fail(k, ErrOutcomeUnknown, "the server's participant closed before it, and it may have taken the request")
	}
	return k.client.fail(k, ErrOutcomeUnknown, k.err.Error()+" after it had taken the request")
}

// close closes the rings.
func (k *conn[Req, Resp]) close() error {
	k.mu.Lock()
	requests, responses, control := k.requests, k.responses, k.control
	k.mu.Unlock()
	if requests == nil {
		return nil
	}
	return errors.Join(responses.Close(), requests.Close(), control.Close())
}

// setControl tells the server the newest state of a call.
func (k *conn[Req, Resp]) setControl(m control) {
	m.requests = k.requests.ID().Number
	k.control.Publish(context.Background(), m.bytes()) // an error: the client closes
	failpoint.At("call.control")
}
