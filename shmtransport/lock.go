package shmtransport

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
)

// A lock is a mutex with a wait that a context can end. Without contention tryLock costs one atomic operation and Unlock an
// ordinary store. An atomic operation waits until the processor's earlier stores are visible, which takes long where other
// processors load the memory all the time.
//
// Any goroutine may take a free lock before a waiter wakes up.
type lock struct {
	state    atomic.Uint32
	waiters  atomic.Int32
	starving atomic.Int32  // waiters for handed that have waited for maxBarging
	freed    chan struct{} // holds one token
	handed   chan struct{} // for starving waiters; its receiver has the lock
}

// The states of a lock.
const (
	lockFree    = iota
	lockHeld    // by a receiving goroutine, perhaps for long
	lockPruning // for a moment; of a Reader
)

// maxBarging is the limit after which sync.Mutex hands over, too.
const maxBarging = time.Millisecond

func newLock() lock { return lock{freed: make(chan struct{}, 1), handed: make(chan struct{})} }

// A writeLock is the lock of a Writer. A goroutine that has waited for maxBarging gets it from the next Unlock, without it being
// free in between.
type writeLock struct{ lock }

func newWriteLock() writeLock { return writeLock{newLock()} }

// Lock waits for the lock.
func (t *writeLock) Lock() {
	if !t.tryLock() {
		_ = t.await(context.Background(), t.tryLock, t.handed) // this context does not end
	}
}

// Unlock hands the lock to a starving waiter, or frees it. The load of waiters may come before the store, see await.
func (t *lock) Unlock() {
	if t.starving.Load() > 0 && t.handOver() {
		return
	}
	mem.Release32(&t.state, lockFree)
	if t.waiters.Load() > 0 {
		t.wakeWaiter()
	}
}

func (t *lock) tryLock() bool { return t.state.CompareAndSwap(lockFree, lockHeld) }

// minUnseen is far longer than a processor keeps a store to itself.
const minUnseen = 50 * time.Microsecond

// lockYields is the number of times that a goroutine yields its processor before it waits for a token. Most locks are held for
// less time than that takes.
const lockYields = 16

// await waits until try succeeds, until the lock comes through handed, which may be nil, or until ctx ends.
func (t *lock) await(ctx context.Context, try func() bool, handed <-chan struct{}) error {
	began := time.Now()
	for n := 0; n < lockYields && time.Since(began) < maxBarging; n++ {
		runtime.Gosched()
		if try() {
			return nil
		}
	}
	t.waiters.Add(1)
	defer t.waiters.Add(-1)
	// A concurrent Unlock may not see the new waiter, while the lock does not look free here yet. When the timer ends both
	// stores are visible.
	barged := time.NewTimer(max(minUnseen, maxBarging-time.Since(began)))
	defer barged.Stop()
	for !try() {
		select {
		case <-t.freed:
		case <-handed:
			return nil
		case <-barged.C:
			if handed != nil {
				t.starving.Add(1)
				defer t.starving.Add(-1)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// handOver gives the lock, which stays held, to a starving waiter, if one is at its select.
func (t *lock) handOver() bool {
	select {
	case t.handed <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t *lock) wakeWaiter() {
	select {
	case t.freed <- struct{}{}:
	default:
	}
}
