package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Window is the number of responses of a stream that wait at the client before Call.Send waits, at most: a client that may have more than
// 96 calls has less for each, 960 in total.
const Window = 8

// windowFor is the window of each stream of a client that may have so many calls: as many responses as a subscriber can hold, with one
// more for each call, which ends it. Both ends agree on the number of calls.
func windowFor(calls int) uint64 { return uint64(min(Window, maxHeld/calls-1)) }

// stuckTimeout is how long Call.Send waits for a client that takes no response.
const stuckTimeout = 10 * time.Second

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
// confirms of the PID. Unit and Executable are what the client's process says of itself.
func (c *Call[Req, Resp]) Caller() registry.Participant { return c.client.participant }

// Deadline returns the time until which the client waits. ok is false if it waits without a limit.
func (c *Call[Req, Resp]) Deadline() (t time.Time, ok bool) { return c.ctx.Deadline() }

// Send sends a response of a stream. It waits while Window responses wait at the client, and returns the error of the handler's context
// if that ends meanwhile. If the client takes nothing for ten seconds, the call ends, and the error wraps ErrBusy.
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
		return
	}
	if err == nil && c.header.Kind != KindSend {
		err = c.client.send(m)
		if err == nil {
			return
		}
		c.server.figures.failed.Add(1)
		var large *topic.TooLargeError
		switch {
		case errors.As(err, &large):
			c.client.refuse(c.header, codeTooLarge, err.Error())
		case !errors.Is(err, context.Canceled):
			c.client.refuse(c.header, codeInternal, err.Error())
		}
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
