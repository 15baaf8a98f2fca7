package service

import (
	"context"
	"iter"
)

// Stream sends a request and yields its responses, until the handler returns, ctx ends, or the caller leaves the loop, which cancels the
// call. The last yield has an error if the handler returned one or the call failed; the errors are those of Call. At most Window responses
// wait here; then the handler waits. []byte responses are copies.
func (c *Client[Req, Resp]) Stream(ctx context.Context, req Req) iter.Seq2[Resp, error] {
	return func(yield func(Resp, error) bool) {
		var none Resp
		for r, err := range c.StreamRaw(ctx, req) {
			v := none
			if err == nil {
				v, err = r.Value()
				r.Release()
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// StreamRaw is Stream for responses that are read in place. The caller releases each, also after a later one has come.
func (c *Client[Req, Resp]) StreamRaw(ctx context.Context, req Req) iter.Seq2[Response[Resp], error] {
	return func(yield func(Response[Resp], error) bool) {
		for {
			s, err := c.openStream(ctx, req)
			if err != nil {
				yield(Response[Resp]{}, err)
				return
			}
			if err := s.yieldAll(ctx, yield); !s.conn.movable(ctx, err) || s.taken > 0 {
				if err != nil {
					yield(Response[Resp]{}, err)
				}
				return
			}
		}
	}
}

// A stream is an open call with any number of responses.
type stream[Req, Resp any] struct {
	conn    *conn[Req, Resp]
	slot    int
	number  uint64
	role    bool // this goroutine receives next
	taken   uint64
	granted uint64 // responses that the server may have sent, from the beginning
	over    bool   // the slot is no longer this stream's
}

func (c *Client[Req, Resp]) openStream(ctx context.Context, req Req) (*stream[Req, Resp], error) {
	k, err := c.choose(ctx, c.opts.Wait)
	if err != nil {
		return nil, err
	}
	i, number, role, err := k.beginOrDrain(ctx, KindStream, func(h Header) (int, error) { return k.publish(ctx, h, req) })
	if err != nil {
		return nil, err
	}
	return &stream[Req, Resp]{conn: k, slot: i, number: number, role: role, granted: windowFor(len(k.slots))}, nil
}

// yieldAll yields the responses until the end, an error, or the caller leaves the loop.
func (s *stream[Req, Resp]) yieldAll(ctx context.Context, yield func(Response[Resp], error) bool) error {
	defer func() { s.leave(ctx) }()
	for {
		a, err := s.next(ctx)
		if err != nil {
			return err
		}
		switch a.header.Kind {
		case KindError:
			return s.conn.check(ctx, &a)
		case KindEnd:
			a.sample.Release()
			return nil
		}
		if !yield(Response[Resp]{s.conn, a.sample}, nil) {
			return nil
		}
		s.took()
		if ctx.Err() != nil { // also while responses wait
			return s.conn.client.fail(s.conn, ctx.Err(), "the handler's context is cancelled")
		}
	}
}

// next waits for the next response.
func (s *stream[Req, Resp]) next(ctx context.Context) (arrival[Resp], error) {
	k := s.conn
	if !s.role {
		k.mu.Lock()
		slot := &k.slots[s.slot]
		if len(slot.arrived) == 0 {
			s.role = !k.receiving
			k.receiving = true
			k.setWaiting(slot, !s.role)
		}
		k.mu.Unlock()
	}
	role := s.role
	s.role = false
	var a arrival[Resp]
	if err := k.await(ctx, s.slot, s.number, role, &a); err != nil {
		s.over = true
		return a, err
	}
	s.over = a.header.Kind.isLast()
	return a, nil
}

// took lets the server send more, in steps of half of the window.
func (s *stream[Req, Resp]) took() {
	s.taken++
	if window := windowFor(len(s.conn.slots)); s.granted-s.taken <= window/2 {
		s.granted = s.taken + window
		s.conn.setControl(control{slot: uint32(s.slot), number: s.number, credit: s.granted})
	}
}

// leave cancels the call if it has not ended.
func (s *stream[Req, Resp]) leave(ctx context.Context) {
	if s.over {
		return
	}
	k := s.conn
	k.mu.Lock()
	if s.role {
		k.handOver()
	}
	k.mu.Unlock()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for {
		a, err := k.leave(ended, s.slot, s.number, context.Canceled)
		if err != nil {
			return
		}
		a.sample.Release()
		if a.header.Kind.isLast() {
			return
		}
	}
}
