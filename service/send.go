package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
)

// sendRoom is the number of requests without a response that may wait for a server to take them.
const sendRoom = 32

// sendSlot stands for the slot in the numbers of requests without a response.
const sendSlot = helloSlot

// moveInterval is the time between two attempts to send a request of a server that has ended to another one, while all are busy.
const moveInterval = 2 * time.Millisecond

// A sentRequest is a request without a response at a server of a group. If the server ends before it has taken the request, another one
// gets it.
type sentRequest struct {
	sequence uint64
	message  []byte // header and value
}

// Send sends a request without waiting for the server to take it, and gets no response. ctx bounds the sending alone: neither its end nor
// its deadline reaches the handler. Requests of one client reach a server in order, also those that wait when the client closes or its
// process ends. A group gets the request at the server where the fewest wait. If all servers are too far behind, the error is ErrBusy, and
// nothing was sent.
//
// When a server of a group ends, another one gets the requests that it had not taken, as long as the client is open. When another server
// ends, these are lost.
func (c *Client[Req, Resp]) Send(ctx context.Context, req Req) error {
	for {
		k, err := c.choose(ctx, c.opts.Wait)
		if err != nil {
			return err
		}
		err = k.send(ctx, req)
		if errors.Is(err, errUntaken) {
			return k.sendToAnother(err, func(other *conn[Req, Resp]) error { return other.send(ctx, req) })
		}
		if !k.movable(ctx, err) {
			return err
		}
	}
}

// sendToAnother sends what this server has no room for to another one of the group, or returns the error.
func (k *conn[Req, Resp]) sendToAnother(err error, send func(*conn[Req, Resp]) error) error {
	for _, other := range k.client.ready() {
		if other != k && send(other) == nil {
			return nil
		}
	}
	return err
}

// send sends a request to one server.
func (k *conn[Req, Resp]) send(ctx context.Context, req Req) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send to %q, the request was not sent: %w", k.client.name, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.checkRoom(sendRoom); err != nil {
		return err
	}
	var err error
	h := k.nextSend()
	if k.info.Group {
		var b []byte
		if b, err = k.encode(h, req); err == nil {
			err = k.publishSent(ctx, b)
		}
	} else if _, err = k.publish(ctx, h, req); err == nil {
		k.sequence++
	}
	failpoint.At("call.send")
	if err != nil {
		return fmt.Errorf("send to %q, the request was not sent: %w", k.client.name, err)
	}
	return nil
}

// sendAgain sends a request that another server had not taken.
func (k *conn[Req, Resp]) sendAgain(ctx context.Context, message []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.checkRoom(sendRoom); err != nil {
		return err
	}
	k.nextSend().put(message)
	return k.publishSent(ctx, message)
}

// nextSend returns the header of the next request without a response. Called with mu held.
func (k *conn[Req, Resp]) nextSend() Header {
	k.calls++
	return Header{Number: k.calls<<slotBits | sendSlot, Kind: KindSend}
}

// encode returns a message, of which the caller may change what the request refers to. Called with mu held.
func (k *conn[Req, Resp]) encode(h Header, req Req) ([]byte, error) {
	if k.encoder == nil {
		k.encoder = k.client.requests.Encoder()
	}
	return k.encoder.Append(nil, message[Req]{Header: h, value: req})
}

// publishSent publishes an encoded request, and keeps it until the server has taken it. Called with mu held.
func (k *conn[Req, Resp]) publishSent(ctx context.Context, message []byte) error {
	if _, err := k.requests.PublishV(ctx, message); err != nil {
		return err
	}
	k.sequence++
	k.forgetTaken()
	k.sent = append(k.sent, sentRequest{k.sequence, message})
	k.waitingSends.Store(int64(len(k.sent)))
	return nil
}

// forgetTaken forgets the requests that the server has taken. Called with mu held.
func (k *conn[Req, Resp]) forgetTaken() {
	if len(k.sent) == 0 {
		return
	}
	k.updateTaken()
	k.sent = slices.DeleteFunc(k.sent, func(r sentRequest) bool { return r.sequence <= k.taken })
	k.waitingSends.Store(int64(len(k.sent)))
}

// forgetTaken forgets the requests that servers have taken.
func (c *Client[Req, Resp]) forgetTaken() {
	c.mu.Lock()
	waiting := slices.ContainsFunc(c.conns, func(k *conn[Req, Resp]) bool { return k.waitingSends.Load() > 0 })
	c.mu.Unlock()
	if !waiting {
		return
	}
	for _, k := range c.ready() {
		k.mu.Lock()
		if k.err == nil {
			k.forgetTaken()
		}
		k.mu.Unlock()
	}
}

// ready returns the connections that can be used.
func (c *Client[Req, Resp]) ready() []*conn[Req, Resp] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.conns), func(k *conn[Req, Resp]) bool { return k.phase != connReady })
}

// undecided returns an error if the server ends, and has not said which requests of Send it has taken, or has not taken them.
func (k *conn[Req, Resp]) undecided() error {
	if k.waitingSends.Load() == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), moveInterval)
	defer cancel()
	k.drain(ctx) // it may have said so
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.died || k.err != nil {
		return nil
	}
	outcome, text := ErrOutcomeUnknown, "the server ends, and has not said whether it takes them"
	if k.closed && k.untaken > 0 {
		k.taken = max(k.taken, k.untaken-1)
		outcome, text = ErrNotStarted, "the server has closed"
	}
	if k.forgetTaken(); len(k.sent) == 0 {
		return nil
	}
	return k.client.fail(k, outcome, fmt.Sprintf("%d requests of Send: %s", len(k.sent), text))
}

// sentAfter returns the requests that a server of a group, which has ended, had not taken: it has said so before it closed, or its participant
// is gone and the last sequence that it has taken is final. Called with mu held, and err set.
func (k *conn[Req, Resp]) sentAfter(taken uint64) []sentRequest {
	if len(k.sent) == 0 || errors.Is(k.err, errClientClosed) {
		return nil
	}
	defer k.waitingSends.Store(0)
	if k.closed && k.untaken > 0 {
		taken = k.untaken - 1
	} else if taken == unknownTaken {
		return nil
	}
	sent := slices.DeleteFunc(k.sent, func(r sentRequest) bool { return r.sequence <= taken })
	k.sent = nil
	return sent
}

// move sends requests that their server had not taken when it ended to other ones, when there is one with room.
func (c *Client[Req, Resp]) move(requests []sentRequest) {
	if len(requests) == 0 {
		return
	}
	c.mu.Lock()
	c.moving += len(requests)
	c.mu.Unlock()
	c.spawn(func() {
		for _, r := range requests {
			if !c.moveOne(r.message) {
				return
			}
			c.mu.Lock()
			c.moving--
			c.mu.Unlock()
		}
	})
}

// moveOne sends a request to another server. It reports false if the client closes before.
func (c *Client[Req, Resp]) moveOne(message []byte) bool {
	for {
		k, err := c.choose(c.ctx, true)
		if err != nil {
			return false
		}
		if err = k.sendAgain(c.ctx, message); errors.Is(err, errUntaken) {
			err = k.sendToAnother(err, func(other *conn[Req, Resp]) error { return other.sendAgain(c.ctx, message) })
		}
		if err == nil {
			return true
		}
		select {
		case <-time.After(moveInterval):
		case <-c.ctx.Done():
			return false
		}
	}
}
