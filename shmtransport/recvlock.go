package shmtransport

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
)

// A recvLock is a lock that a context can stop waiting for. It costs one atomic operation when nobody else wants it.
type recvLock struct {
	state   atomic.Uint32
	waiters atomic.Int32
	freed   chan struct{} // holds one token
}

const (
	lockFree      = iota
	lockReceiving // by who receives, perhaps for long
	lockPruning   // for a moment
)

func newRecvLock() recvLock { return recvLock{freed: make(chan struct{}, 1)} }

// tryAcquire fails when somebody receives. It waits for who only tidies up, so that a sample that is there is found.
func (t *recvLock) tryAcquire() bool {
	return t.state.CompareAndSwap(lockFree, lockReceiving) || t.acquireAfterPrune()
}

func (t *recvLock) acquireAfterPrune() bool {
	for !t.state.CompareAndSwap(lockFree, lockReceiving) {
		if t.state.Load() == lockReceiving {
			return false
		}
		runtime.Gosched()
	}
	return true
}

// tryAcquireToPrune acquires the turn for a moment, if nobody has it.
func (t *recvLock) tryAcquireToPrune() bool { return t.state.CompareAndSwap(lockFree, lockPruning) }

// isPruning reports, to who has the turn, whether it is for a moment.
func (t *recvLock) isPruning() bool { return t.state.Load() == lockPruning }

func (t *recvLock) acquire(ctx context.Context) error {
	if t.tryAcquire() {
		return nil
	}
	t.waiters.Add(1)
	defer t.waiters.Add(-1)
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
func (t *recvLock) release() {
	mem.Release32(&t.state, lockFree)
	if t.waiters.Load() > 0 {
		select {
		case t.freed <- struct{}{}:
		default:
		}
	}
}
