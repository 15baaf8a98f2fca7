package service

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
)

// Call sends a request and waits for the response. ctx bounds the wait, and its deadline reaches the handler; when ctx ends, the call is
// cancelled. The errors are those of the package documentation. A []byte response is a copy that the caller owns; CallRaw gives it in place.
func (c *Client[Req, Resp]) Call(ctx context.Context, req Req) (resp Resp, err error) {
	r, err := c.CallRaw(ctx, req)
	if err != nil {
		return resp, err
	}
	defer r.Release()
	return r.Value()
}

// CallRaw is Call for a response that is read in place. The caller releases it.
func (c *Client[Req, Resp]) CallRaw(ctx context.Context, req Req) (Response[Resp], error) {
	for {
		k, err := c.choose(ctx, c.opts.Wait)
		if err != nil {
			return Response[Resp]{}, err
		}
		r, err := k.call(ctx, func(h Header) (int, error) { return k.publish(ctx, h, req) })
		if !k.movable(ctx, err) {
			return r, err
		}
	}
}

// movable reports whether another server can take a request that this one has not started.
func (k *conn[Req, Resp]) movable(ctx context.Context, err error) bool {
	switch {
	case err == nil || ctx.Err() != nil || !k.info.Group:
		return false
	case errors.Is(err, errAllOpen): // another call took the last slot after this one had chosen the server
		return k.client.hasRoom()
	case !errors.Is(err, ErrNotStarted) || len(k.client.Servers()) == 0:
		return false
	}
	return !errors.Is(err, errBadRequest) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// call makes one call at one server.
func (k *conn[Req, Resp]) call(ctx context.Context, publish func(Header) (int, error)) (Response[Resp], error) {
	i, number, role, err := k.beginOrDrain(ctx, KindCall, publish)
	if err != nil {
		return Response[Resp]{}, err
	}
	var a arrival[Resp]
	if err := k.await(ctx, i, number, role, &a); err != nil {
		return Response[Resp]{}, err
	}
	return Response[Resp]{k, a.sample}, k.check(ctx, &a)
}

// beginOrDrain is begin. If no slot is free, it takes late responses first.
func (k *conn[Req, Resp]) beginOrDrain(ctx context.Context, kind Kind, publish func(Header) (int, error)) (i int, number uint64, role bool, err error) {
	i, number, role, err = k.begin(ctx, kind, publish)
	if errors.Is(err, ErrBusy) && k.drain(ctx) {
		return k.begin(ctx, kind, publish)
	}
	return i, number, role, err
}

// check returns the error that a response stands for, and then releases it.
func (k *conn[Req, Resp]) check(ctx context.Context, a *arrival[Resp]) error {
	if a.header.Kind != KindError {
		return nil
	}
	defer a.sample.Release()
	if a.header.Code == codeEnded && ctx.Err() != nil {
		return k.client.fail(k, ctx.Err(), "the handler's context ended")
	}
	if a.header.Code == codeClosing {
		k.startNoCalls()
	}
	b, err := a.sample.AppendTo(nil)
	if err != nil || len(b) < HeaderSize {
		return k.client.fail(k, ErrOutcomeUnknown, fmt.Sprintf("the error of the server cannot be read: %v", err))
	}
	return errorOf(a.header, b[HeaderSize:], k.client.name, k.info.Server)
}

// checkRoom returns an error if the server has not taken so many requests. Called with mu held.
func (k *conn[Req, Resp]) checkRoom(limit uint64) error {
	if k.err != nil {
		return k.resultOf(1, 0)
	}
	if k.sequence-k.taken >= limit {
		if k.updateTaken(); k.sequence-k.taken >= limit {
			return k.client.fail(k, errUntaken, fmt.Sprintf("the server has not taken %d requests", limit))
		}
	}
	return nil
}

// updateTaken asks what the server has certainly taken. Called with mu held.
func (k *conn[Req, Resp]) updateTaken() {
	k.taken = max(k.taken, k.requests.TakenByEvery(k.info.Server.ID))
}

// publish publishes a request.
func (k *conn[Req, Resp]) publish(ctx context.Context, h Header, req Req) (int, error) {
	if b, ok := any(req).([]byte); ok && k.client.raw {
		var header [HeaderSize]byte
		h.put(header[:])
		return k.requests.PublishV(ctx, header[:], b)
	}
	return k.requests.Publish(ctx, message[Req]{Header: h, value: req})
}

// deadline returns the deadline of ctx in nanoseconds of CLOCK_MONOTONIC, 0 without one or if it is too far away for these.
func (k *conn[Req, Resp]) deadline(ctx context.Context) int64 {
	t, ok := ctx.Deadline()
	if !ok {
		return 0 // without reading two clocks, which takes an eighth of the shortest call
	}
	now, left := k.client.clock.Now(), time.Until(t)
	if int64(left) > math.MaxInt64-now {
		return 0
	}
	return now + int64(left)
}

// begin takes a slot and publishes a request. role says that this goroutine receives.
func (k *conn[Req, Resp]) begin(ctx context.Context, kind Kind, publish func(Header) (int, error)) (i int, number uint64, role bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, false, fmt.Errorf("call %q, the request was not sent: %w", k.client.name, err)
	}
	h := Header{Kind: kind, Deadline: k.deadline(ctx)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.checkRoom(k.depth); err != nil {
		return 0, 0, false, err
	}
	if len(k.free) == 0 {
		return 0, 0, false, k.client.fail(k, errAllOpen, fmt.Sprintf("all %d calls are open; wait for one, or raise MaxCalls of client and server", len(k.slots)))
	}
	i = k.free[len(k.free)-1]
	k.calls++
	h.Number = k.calls<<slotBits | uint64(i)
	if _, err := publish(h); err != nil {
		return 0, 0, false, fmt.Errorf("call %q, the request was not sent: %w", k.client.name, err)
	}
	failpoint.At("call.request")
	k.sequence++
	k.free = k.free[:len(k.free)-1]
	k.countOpen()
	s := &k.slots[i]
	s.number, s.sequence, s.stream, s.answered, s.unwanted = h.Number, k.sequence, kind == KindStream, false, false
	role = !k.receiving
	k.receiving = true
	k.setWaiting(s, !role)
	return i, h.Number, role, nil
}

// await waits for the next response of a call, for a. With an error or the last response the call has ended, and its slot is free or will be.
func (k *conn[Req, Resp]) await(ctx context.Context, i int, number uint64, role bool, a *arrival[Resp]) error {
	s := &k.slots[i]
	for {
		if role {
			err := k.receive(ctx, i, number, a)
			if err == nil {
				return nil
			}
			k.mu.Lock()
			k.handOver()
			k.mu.Unlock()
			*a, err = k.leave(ctx, i, number, err)
			return err
		}
		select {
		case *a = <-s.arrived:
			switch {
			case a.role:
				role, a.role = true, false
			case a.err != nil || a.header.Kind.isLast():
				k.end(i, number)
				return a.err
			default:
				return nil
			}
		case <-ctx.Done():
			var err error
			*a, err = k.leave(ctx, i, number, ctx.Err())
			return err
		}
	}
}
