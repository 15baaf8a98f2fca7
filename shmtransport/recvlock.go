package shmtransport

import (
	"context"
	"runtime"
)

// A recvLock is the lock of a Reader.
type recvLock struct{ lock }

func newRecvLock() recvLock { return recvLock{newLock()} }

// tryAcquire fails while another goroutine receives. It waits while another goroutine prunes, so that it finds a sample
// that is there.
func (t *recvLock) tryAcquire() bool { return t.tryLock() || t.acquireAfterPrune() }

func (t *recvLock) acquireAfterPrune() bool {
	for !t.tryLock() {
		if t.state.Load() == lockHeld {
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
	return t.await(ctx, t.tryAcquire, nil)
}
