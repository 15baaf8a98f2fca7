package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A serverConn is a client as its server sees it.
type serverConn[Req, Resp any] struct {
	server      *Server[Req, Resp]
	participant registry.Participant
	requests    topic.PublisherID // of the client
	responses   *topic.Publisher[message[Resp]]
	maxCalls    int

	connecting bool // responses is being made; guarded by the server's mu
	ended      bool // all requests were taken before it was known that the client has left; guarded by the server's mu

	mu    sync.Mutex
	gone  bool // the client has left or died; written with the server's mu too
	slots []serverSlot[Req, Resp]
}

// A serverSlot has what the client says of the call that has this slot, and the call if it runs.
type serverSlot[Req, Resp any] struct {
	state control
	call  *Call[Req, Resp]
}

func (c *serverConn[Req, Resp]) close() error {
	if c.responses == nil {
		return nil
	}
	return c.responses.Close()
}

// cancelAll ends the contexts of all calls of the client to which it awaits a response.
func (c *serverConn[Req, Resp]) cancelAll(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.slots {
		if call := c.slots[i].call; call != nil {
			call.ctx.end(context.Canceled, cause)
			call.wake()
		}
	}
}

// update takes the client's newest state of a call. It reports whether the client has such a slot.
func (c *serverConn[Req, Resp]) update(state control) bool {
	if int(state.slot) >= c.maxCalls {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := &c.slots[state.slot]
	if state.number < slot.state.number {
		return true // the server has fallen behind, and has the newest state of the slot already
	}
	if state.number == slot.state.number {
		state.credit = max(state.credit, slot.state.credit)
		state.cancelled = max(state.cancelled, slot.state.cancelled)
	}
	slot.state = state
	call := slot.call
	if call == nil || call.header.Number != state.number {
		return true
	}
	if state.cancelled != 0 {
		call.ctx.end(context.Canceled, ErrCallCancelled)
	}
	call.credit = max(call.credit, state.credit)
	call.wake()
	return true
}

// wake ends the wait of a Send. Called with the conn's mu held.
func (c *Call[Req, Resp]) wake() {
	if c.granted != nil {
		close(c.granted)
		c.granted = nil
	}
}

// open makes a request a running call, unless the client has left or the request breaks the rules of its slot. It returns the code of an
// answer if the call must not run. spare is a call to be used again, or nil.
func (c *serverConn[Req, Resp]) open(h Header, spare *Call[Req, Resp]) (call *Call[Req, Resp], code int32, err error) {
	i := slotOf(h.Number)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.gone && h.Kind != KindSend:
		return nil, 0, ErrClientGone
	case c.server.closing.Load():
		return nil, codeClosing, nil
	case h.Kind == KindSend:
	case i >= c.maxCalls || c.slots[i].call != nil:
		return nil, 0, fmt.Errorf("take a request: slot %d is in use or beyond %d", i, c.maxCalls)
	}
	var state control
	if h.Kind != KindSend {
		state = c.slots[i].state
	}
	mine := state.number == h.Number
	if mine && state.cancelled != 0 {
		return nil, codeCancelled, nil
	}
	clk := c.server.clock
	if h.Deadline != 0 && clk.Now() >= h.Deadline {
		return nil, codeDeadline, nil
	}
	if call = spare; call == nil || !call.ctx.reset(clk, h.Deadline) {
		call = &Call[Req, Resp]{server: c.server}
		call.ctx.reset(clk, h.Deadline)
	}
	call.client, call.header, call.sent, call.answered, call.credit, call.granted = c, h, 0, false, windowFor(c.maxCalls), nil
	if h.Kind != KindSend {
		c.slots[i].call = call
	} else if !c.server.sends.add(call) {
		return nil, codeClosing, nil
	}
	if mine {
		call.credit = max(call.credit, state.credit)
	}
	return call, 0, nil
}

// leave frees the slot of a call before its answer, after which the client may use it for another one.
func (c *serverConn[Req, Resp]) leave(call *Call[Req, Resp]) {
	if call.header.Kind == KindSend {
		c.server.sends.remove(call)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if slot := &c.slots[slotOf(call.header.Number)]; slot.call == call {
		slot.call = nil
	}
}

func (c *serverConn[Req, Resp]) hasCredit(call *Call[Req, Resp]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return call.sent < call.credit
}

// awaitCredit waits until the client can take one more response of a stream.
func (c *serverConn[Req, Resp]) awaitCredit(ctx context.Context, call *Call[Req, Resp]) error {
	stuck := time.NewTimer(stuckTimeout)
	defer stuck.Stop()
	for {
		c.mu.Lock()
		if call.sent < call.credit {
			c.mu.Unlock()
			return nil
		}
		if call.granted == nil {
			call.granted = make(chan struct{})
		}
		granted := call.granted
		c.mu.Unlock()
		select {
		case <-granted:
		case <-ctx.Done():
			return ctx.Err()
		case <-call.ctx.Done():
			return call.ctx.Err()
		case <-stuck.C:
			err := fmt.Errorf("send a response: the client took none for %v: %w", stuckTimeout, ErrBusy)
			call.ctx.end(context.Canceled, err)
			return err
		}
	}
}

// send publishes a response. It never waits for the client: the ring has room for every response that it may have open.
func (c *serverConn[Req, Resp]) send(m message[Resp]) error {
	var err error
	if v, ok := any(m.value).([]byte); ok && c.server.rawReply && m.hasValue() {
		var header [HeaderSize]byte
		m.put(header[:])
		_, err = c.responses.PublishV(context.Background(), header[:], v)
	} else {
		_, err = c.responses.Publish(context.Background(), m)
	}
	failpoint.At("serve.response")
	return err
}

// sendError answers with the error of a handler.
func (c *serverConn[Req, Resp]) sendError(call *Call[Req, Resp], err error) {
	h := call.header
	if ended, cause := call.ctx.result(); ended != nil && errors.Is(err, ended) {
		code := int32(codeEnded)
		if errors.Is(ended, context.DeadlineExceeded) {
			code = codeOverdue
		}
		c.refuse(h, code, fmt.Sprintf("the handler's context ended: %v", cause))
		return
	}
	var own *HandlerError
	if !errors.As(err, &own) {
		own = &HandlerError{Text: err.Error()}
	}
	code, text := own.Code, own.Text
	if code < 0 {
		code, text = 0, fmt.Sprintf("%s (code %d is negative)", text, code)
	}
	if err := c.send(message[Resp]{Header: Header{Number: h.Number, Kind: KindError, Code: code}, text: describe(text, own.Value)}); err != nil {
		c.refuse(h, codeTooLarge, err.Error())
	}
}

// sendClosed tells the client that what it has no response to was not taken.
func (c *serverConn[Req, Resp]) sendClosed() {
	if c.responses != nil {
		c.send(message[Resp]{Header: Header{Kind: KindClosed}}) // an error: the participant closed first
		failpoint.At("serve.closed")
	}
}

// refuse answers with an error of the library.
func (c *serverConn[Req, Resp]) refuse(h Header, code int32, text string) {
	if h.Kind == KindSend {
		return
	}
	const limit = 1 << 10
	if len(text) > limit {
		text = text[:limit]
	}
	c.send(message[Resp]{Header: Header{Number: h.Number, Kind: KindError, Code: code}, text: describe(text, nil)}) // an error: the client has no room left, or the server closes
}
