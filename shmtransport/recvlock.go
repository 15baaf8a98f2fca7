package shmtransport

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
)

// A turn is a lock that a context can stop waiting for. It costs one atomic operation when nobody else wants it.
type turn struct {
	state   atomic.Uint32
	waiting atomic.Int32
	freed   chan struct{} // holds one token
}

const (
	turnFree    = iota
	turnTaken   // by who receives, perhaps for long
	turnTidying // for a moment
)

func newTurn() turn { return turn{freed: make(chan struct{}, 1)} }

// tryAcquire fails when somebody receives. It waits for who only tidies up, so that a sample that is there is found.
func (t *turn) tryAcquire() bool { return t.state.CompareAndSwap(turnFree, turnTaken) || t.tryAgain() }

func (t *turn) tryAgain() bool {
	for !t.state.CompareAndSwap(turnFree, turnTaken) {
		if t.state.Load() == turnTaken {
			return false
		}
		runtime.Gosched()
	}
	return true
}

// tryTidy acquires the turn for a moment, if nobody has it.
func (t *turn) tryTidy() bool { return t.state.CompareAndSwap(turnFree, turnTidying) }

// isTidying reports, to who has the turn, whether it is for a moment.
func (t *turn) isTidying() bool { return t.state.Load() == turnTidying }

func (t *turn) acquire(ctx context.Context) error {
	if t.tryAcquire() {
		return nil
	}
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	// Who releases the turn at this moment may not see that somebody waits, and the turn may not look free to us yet. Once
	// this is over everybody sees us.
	unseen := time.NewTimer(time.Millisecond)
	defer unseen.Stop()
	for !t.tryAcquire() {
		select {
		case <-t.freed:
		case <-unseen.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// release costs no atomic operation when nobody waits: the look at waiting may come before the store, see acquire.
func (t *turn) release() {
	mem.Release32(&t.state, turnFree)
	if t.waiting.Load() > 0 {
		select {
		case t.freed <- struct{}{}:
		default:
		}
	}
}
