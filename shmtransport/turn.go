package shmtransport

import (
	"context"
	"sync/atomic"
)

// A turn is a lock that a context can stop waiting for. It costs two atomic operations when nobody else wants it.
type turn struct {
	busy    atomic.Bool
	waiting atomic.Int32
	freed   chan struct{} // holds one token
}

func newTurn() turn { return turn{freed: make(chan struct{}, 1)} }

func (t *turn) tryAcquire() bool { return t.busy.CompareAndSwap(false, true) }

func (t *turn) acquire(ctx context.Context) error {
	if t.tryAcquire() {
		return nil
	}
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	for !t.tryAcquire() {
		select {
		case <-t.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (t *turn) release() {
	t.busy.Store(false)
	if t.waiting.Load() > 0 {
		select {
		case t.freed <- struct{}{}:
		default:
		}
	}
}
