package service

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/failpoint"
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

// maxHeld is the number of responses of one server that may be held: as many as a subscriber can.
const maxHeld = 960

// setControl tells the server the newest state of a call.
func (k *conn[Req, Resp]) setControl(m control) {
	m.requests = k.requests.ID().Number
	k.control.Publish(context.Background(), m.bytes()) // an error: the client closes
	failpoint.At("call.control")
}
