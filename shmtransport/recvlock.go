package shmtransport

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
)

// A recvLock is a lock with a wait that a context can end. Without contention it costs one atomic operation.
type recvLock struct {
	state   atomic.Uint32
	waiters atomic.Int32
	freed   chan struct{} // holds one token
}

const (
	lockFree      = iota
	lockReceiving // for a receiving goroutine, perhaps for long
	lockPruning   // for a moment
)

func newRecvLock() recvLock { return recvLock{freed: make(chan struct{}, 1)} }

// tryAcquire fails while another goroutine receives. It waits while another goroutine prunes, so that it finds a sample
// that is there.
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

// tryAcquireToPrune acquires the lock for a moment, if it is free.
func (t *recvLock) tryAcquireToPrune() bool { return t.state.CompareAndSwap(lockFree, lockPruning) }

// isPruning reports, to the holder of the lock, whether it was acquired to prune.
func (t *recvLock) isPruning() bool { return t.state.Load() == lockPruning }

func (t *recvLock) acquire(ctx context.Context) error {
	if t.tryAcquire() {
		return nil
	}
	t.waiters.Add(1)
	defer t.waiters.Add(-1)
	// A concurrent release may not see the new waiter, while the lock does not look free here yet. After this timer
	// both stores are visible.
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

// release costs no atomic operation without waiters. The load of waiters may come before the store, see acquire.
func (t *recvLock) release() {
	mem.Release32(&t.state, lockFree)
	if t.waiters.Load() > 0 {
		select {
		case t.freed <- struct{}{}:
		default:
		}
	}
}
