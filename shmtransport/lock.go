package shmtransport

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
)

// A lock is a mutex with a wait that a context can end. Without contention Lock costs one atomic operation and Unlock an ordinary
// store. An atomic operation waits until the processor's earlier stores are visible, which takes long where other processors
// poll the memory.
type lock struct {
	state   atomic.Uint32
	waiters atomic.Int32
	freed   chan struct{} // holds one token
}

// The states of a lock. A Reader's lock tells why it is held.
const (
	lockFree      = iota
	lockReceiving // or, of a Writer, held
	lockPruning   // for a moment
)

func newLock() lock { return lock{freed: make(chan struct{}, 1)} }

// Lock waits for the lock.
func (t *lock) Lock() {
	if !t.tryLock() {
		_ = t.await(context.Background(), t.tryLock) // this context does not end
	}
}

// Unlock frees the lock. The load of waiters may come before the store, see await.
func (t *lock) Unlock() {
	mem.Release32(&t.state, lockFree)
	if t.waiters.Load() > 0 {
		t.wakeWaiter()
	}
}

func (t *lock) tryLock() bool { return t.state.CompareAndSwap(lockFree, lockReceiving) }

// lockYields is the number of times that a goroutine yields its processor before it waits for a token. Most locks are held for
// less time than that takes.
const lockYields = 16

// await waits until try succeeds, or until ctx ends.
func (t *lock) await(ctx context.Context, try func() bool) error {
	for range lockYields {
		runtime.Gosched()
		if try() {
			return nil
		}
	}
	t.waiters.Add(1)
	defer t.waiters.Add(-1)
	// A concurrent Unlock may not see the new waiter, while the lock does not look free here yet. After this timer both
	// stores are visible.
	unseen := time.NewTimer(time.Millisecond)
	defer unseen.Stop()
	for !try() {
		select {
		case <-t.freed:
		case <-unseen.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (t *lock) wakeWaiter() {
	select {
	case t.freed <- struct{}{}:
	default:
	}
}
