package service

import (
	"context"
	"slices"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// receive receives for all callers, until the response of this call comes, for a. Then the role is another goroutine's.
func (k *conn[Req, Resp]) receive(ctx context.Context, i int, number uint64, a *arrival[Resp]) error {
	for {
		if err := k.poller.receive(ctx, &a.sample); err != nil {
			return err
		}
		failpoint.At("call.take")
		k.mu.Lock()
		mine := k.deliver(a, number)
		if mine {
			k.handOver()
		}
		k.mu.Unlock()
		if mine {
			return nil
		}
		if ctx.Err() != nil { // also while the responses of other calls, or none, come without an end
			return ctx.Err()
		}
	}
}

// deliver reads the header of a response and gives it to the goroutine that waits for it, unless that is the caller. A response to a call
// that has ended is released. Called with mu held.
func (k *conn[Req, Resp]) deliver(a *arrival[Resp], number uint64) (mine bool) {
	m, h := &a.sample, Header{}
	err := m.Read(func(b []byte) (err error) {
		h, _, err = ParseHeader(b)
		return err
	})
	if err == nil && h.Kind == KindClosed && m.Publisher().Participant == k.info.Server.ID {
		m.Release()
		k.closed, k.untaken = true, h.Number
		k.client.spawn(func() { k.fail(errServerClosed) })
		return false
	}
	j := slotOf(h.Number)
	if err != nil || m.Publisher().Participant != k.info.Server.ID || j >= len(k.slots) || !k.slots[j].takes(h) {
		m.Release()
		return false
	}
	a.header = h
	s := &k.slots[j]
	s.answered = h.Kind.isLast()
	if h.Number != number && !s.unwanted {
		select {
		case s.arrived <- *a:
			k.setWaiting(s, false)
		default: // more than the window: the server breaks the protocol
			m.Release()
		}
		return false // the goroutine that gets it frees the slot
	}
	if h.Kind.isLast() {
		k.freeSlot(j)
	}
	if h.Number != number {
		m.Release()
	}
	return h.Number == number
}

// takes reports whether a response is one of the call that has the slot, which a server that breaks the protocol may send at any time.
func (s *slot[Resp]) takes(h Header) bool {
	if h.Number == 0 || h.Number != s.number || s.answered {
		return false
	}
	switch h.Kind {
	case KindResponse:
		return !s.stream
	case KindItem, KindEnd:
		return s.stream
	}
	return h.Kind == KindError
}

// handOver gives the role to another goroutine that waits, if there is one. Called with mu held.
func (k *conn[Req, Resp]) handOver() {
	if k.waiting == 0 {
		k.receiving = false
		return
	}
	i := slices.IndexFunc(k.slots, func(s slot[Resp]) bool { return s.waiting })
	k.setWaiting(&k.slots[i], false)
	k.slots[i].arrived <- arrival[Resp]{role: true}
}

// setWaiting says whether a goroutine waits for a slot without the role. Called with mu held.
func (k *conn[Req, Resp]) setWaiting(s *slot[Resp], waiting bool) {
	if waiting != s.waiting {
		s.waiting = waiting
		if waiting {
			k.waiting++
		} else {
			k.waiting--
		}
	}
}

// freeSlot makes a slot that of no call. Called with mu held.
func (k *conn[Req, Resp]) freeSlot(i int) {
	k.slots[i].number = 0
	k.free = append(k.free, i)
	k.countOpen()
}

// countOpen follows a change of free. Called with mu held.
func (k *conn[Req, Resp]) countOpen() { mem.Set64(&k.open, uint64(len(k.slots)-len(k.free))) }

// end frees the slot of a call that has its last response.
func (k *conn[Req, Resp]) end(i int, number uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.slots[i].number == number {
		k.freeSlot(i)
	}
}

// leave ends the wait of a call whose ctx ended, or whose connection failed. A response that has arrived meanwhile counts.
func (k *conn[Req, Resp]) leave(ctx context.Context, i int, number uint64, err error) (arrival[Resp], error) {
	k.mu.Lock()
	s := &k.slots[i]
	k.setWaiting(s, false)
	for {
		select {
		case a := <-s.arrived:
			switch {
			case a.role:
				k.handOver()
				continue
			case a.err != nil || a.header.Kind.isLast():
				k.freeSlot(i)
			}
			k.mu.Unlock()
			return a, a.err
		default:
		}
		break
	}
	if k.err != nil {
		err = k.resultOf(s.sequence, k.last)
		k.freeSlot(i)
		k.mu.Unlock()
		return arrival[Resp]{}, err
	}
	s.unwanted = true
	k.mu.Unlock()
	k.setControl(control{slot: uint32(i), number: number, cancelled: 1})
	if ctx.Err() == nil {
		return arrival[Resp]{}, k.client.fail(k, ErrOutcomeUnknown, err.Error())
	}
	return arrival[Resp]{}, k.client.fail(k, ctx.Err(), "the handler's context is cancelled")
}

// drain takes the responses that no goroutine waits for, to free their slots, until ctx ends. It reports whether it took any.
func (k *conn[Req, Resp]) drain(ctx context.Context) (any bool) {
	k.mu.Lock()
	if k.receiving {
		k.mu.Unlock()
		return false // another goroutine does
	}
	k.receiving = true
	k.mu.Unlock()
	for {
		var a arrival[Resp]
		var ok bool
		var err error
		a.sample, ok, err = k.responses.TryReceive()
		k.mu.Lock()
		if ok {
			k.deliver(&a, 0)
			any = true
		}
		if err != nil || !ok || ctx.Err() != nil {
			k.handOver()
			k.mu.Unlock()
			return any
		}
		k.mu.Unlock()
	}
}
