package service

import (
	"context"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// Window is the number of responses of a stream that wait at the client before Call.Send waits, at most: a client that may have more than
// 96 calls has less for each, 960 in total.
const Window = 8

// windowFor is the window of each stream of a client that may have so many calls: as many responses as a subscriber can hold, with one
// more for each call, which ends it. Both ends agree on the number of calls.
func windowFor(calls int) uint64 { return uint64(min(Window, maxHeld/calls-1)) }

// A Call is one request at the server.
type Call[Req, Resp any] struct {
	ctx      callContext
	server   *Server[Req, Resp]
	client   *serverConn[Req, Resp]
	worker   *worker
	header   Header
	request  Req
	sent     uint64 // responses of the stream
	answered bool   // Commit has sent the response

	// Guarded by client.mu.
	credit  uint64 // responses that the client can take, from the beginning of the stream
	granted chan struct{}
}

// Request returns the request. A []byte is in place, valid until the handler returns, and must not be written. Every other value is a
// copy.
func (c *Call[Req, Resp]) Request() Req { return c.request }

// Caller returns the client's participant. UID and GID are those of its file, as the kernel reports them; PIDCheck says what the kernel
// confirms of the PID. Executable is that of the process PID, as the kernel reports it, if ExecutableProved: to a server of root, and mostly
// to one of the same user. Otherwise it is, as Unit always is, what the client's process says of itself.
func (c *Call[Req, Resp]) Caller() registry.Participant { return c.client.participant }

// Deadline returns the time until which the client waits. ok is false if it waits without a limit.
func (c *Call[Req, Resp]) Deadline() (t time.Time, ok bool) { return c.ctx.Deadline() }

// WithoutResponse reports whether the request came with Client.Send: what the handler sends or returns reaches no client, and its context does
// not end with that client.
func (c *Call[Req, Resp]) WithoutResponse() bool { return c.header.Kind == KindSend }

// Send sends a response of a stream. It waits while Window responses wait at the client, and returns the error of the handler's context
// if that ends meanwhile. If the client takes nothing for ServerOptions.SendTimeout, the call ends, and the error wraps ErrBusy; the
// client gets ErrClientSlow. One goroutine may call it at a time, until the handler returns.
func (c *Call[Req, Resp]) Send(ctx context.Context, v Resp) error {
	if c.server.stream == nil {
		return fmt.Errorf("send a response of %q: its server has one response for each call; use NewStreamServer", c.server.Name())
	}
	if c.header.Kind == KindSend {
		return nil // no client receives it
	}
	if err := c.awaitRoom(ctx); err != nil {
		return err
	}
	if err := c.client.send(message[Resp]{Header: Header{Number: c.header.Number, Kind: KindItem}, value: v}); err != nil {
		return err
	}
	c.sent++
	return nil
}

// awaitRoom waits until the client can take one more response of a stream.
func (c *Call[Req, Resp]) awaitRoom(ctx context.Context) error {
	if err := firstError(ctx.Err(), c.ctx.Err()); err != nil {
		return err
	}
	if !c.client.hasCredit(c) {
		var err error
		c.worker.outside(func() { err = c.client.awaitCredit(ctx, c) })
		if err != nil {
			return err
		}
	}
	return nil
}

// firstError returns the first error.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// answer sends the result of the handler, if the client waits for one.
func (c *Call[Req, Resp]) answer(v Resp, err error) {
	m := message[Resp]{Header: Header{Number: c.header.Number, Kind: KindResponse}, value: v}
	if err == nil && c.server.stream != nil {
		m.Kind = KindEnd
	}
	if c.answered {
		c.server.sends.remove(c)
		return
	}
	if err == nil && c.header.Kind != KindSend {
		err = c.client.send(m)
		if err == nil {
			return
		}
		c.server.figures.failed.Add(1)
		c.client.refuseUnsent(c.header, "the response", err)
		return
	}
	if err == nil {
		return
	}
	c.server.figures.failed.Add(1)
	if c.header.Kind != KindSend {
		c.client.sendError(c, err)
	}
}
