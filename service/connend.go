package service

import (
	"errors"
	"math"
	"os"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

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
