package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
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
	taken uint64 // sequence of the last request that was taken
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
func (c *serverConn[Req, Resp]) open(h Header, sequence uint64, spare *Call[Req, Resp]) (call *Call[Req, Resp], code int32, err error) {
	i := slotOf(h.Number)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = max(c.taken, sequence)
	switch {
	case h.Kind == KindSend:
		h.Deadline = 0 // no client would learn that it was not started
	case c.gone:
		return nil, 0, ErrClientGone
	case c.server.closing.Load():
		return nil, codeClosing, nil
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
	} else {
		c.server.sends.add(call)
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
	stuck := time.NewTimer(c.server.opts.SendTimeout)
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
			err := fmt.Errorf("send a response: %w for %v", errStuck, c.server.opts.SendTimeout)
			call.ctx.end(context.Canceled, err)
			return err
		}
	}
}

// send publishes a response. It never waits for the client: the ring has room for every response that it may have open.
func (c *serverConn[Req, Resp]) send(m message[Resp]) error {
	if !m.hasValue() {
		return c.sendPlain(m.Header, nil)
	}
	var err error
	if v, ok := any(m.value).([]byte); ok && c.server.rawReply {
		var header [HeaderSize]byte
		m.put(header[:])
		_, err = c.responses.PublishV(context.Background(), header[:], v)
	} else {
		_, err = c.responses.Publish(context.Background(), m)
	}
	failpoint.At("serve.response")
	return err
}

// sendPlain publishes a message without a value. Together with the header, up to shmtransport.SmallPayload bytes are in the ring itself, so that
// it needs no memory: it fails only when the server closes.
func (c *serverConn[Req, Resp]) sendPlain(h Header, description []byte) error {
	var header [HeaderSize]byte
	h.put(header[:])
	_, err := c.responses.PublishV(context.Background(), header[:], description)
	failpoint.At("serve.response")
	return err
}

// sendError answers with the error of a handler.
func (c *serverConn[Req, Resp]) sendError(call *Call[Req, Resp], err error) {
	h := call.header
	ended, cause := call.ctx.result()
	if ended != nil && errors.Is(cause, errStuck) && (errors.Is(err, errStuck) || errors.Is(err, ended)) {
		c.refuse(h, codeLost, fmt.Sprintf("it took none for %v", c.server.opts.SendTimeout))
		return
	}
	if ended != nil && errors.Is(err, ended) {
		code := int32(codeEnded)
		if errors.Is(ended, context.DeadlineExceeded) {
			code = codeOverdue
		}
		c.refuse(h, code, fmt.Sprintf("the handler's context ended: %v", cause))
		return
	}
	own := HandlerErrorOf(err)
	if err := c.sendPlain(Header{Number: h.Number, Kind: KindError, Code: own.Code}, describe(own.Text, own.Value)); err != nil {
		c.refuseUnsent(h, "the error of the handler", err)
	}
}

// refuseUnsent answers in place of a result that cannot be published.
func (c *serverConn[Req, Resp]) refuseUnsent(h Header, what string, err error) {
	var large *topic.TooLargeError
	if errors.As(err, &large) {
		c.refuse(h, codeTooLarge, fmt.Sprintf("%s has %d bytes with its header, more than the %d of the server's MaxPayload", what, large.Size, large.Limit))
		return
	}
	c.refuse(h, codeInternal, what+": "+err.Error())
}

// sendClosed tells the client that what it has no response to was not taken, and from which request on.
func (c *serverConn[Req, Resp]) sendClosed() {
	if c.responses != nil {
		c.mu.Lock()
		h := Header{Number: c.taken + 1, Kind: KindClosed}
		c.mu.Unlock()
		c.sendPlain(h, nil) // an error: the participant closed first
		failpoint.At("serve.closed")
	}
}

// refuse answers with an error of the library.
func (c *serverConn[Req, Resp]) refuse(h Header, code int32, text string) {
	if h.Kind == KindSend {
		return
	}
	answer := Header{Number: h.Number, Kind: KindError, Code: code}
	if c.sendPlain(answer, describe(cut(text, 1<<10), nil)) != nil {
		c.sendPlain(answer, describe(cut(text, maxInRing(c.server.opts.MaxPayload)), nil)) // an error: the server closes
	}
}

// maxInRing is the length of the text of an error that is sent without memory.
func maxInRing(maxPayload int) int {
	return min(shmtransport.SmallPayload, cmp.Or(maxPayload, shmtransport.SmallPayload)) - minPayload
}

// cut returns the first bytes of a text, at most n, in whole characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
