package shmtransport

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A goroutine that takes the lock again at once, each time for longer than a waiter takes to wake up, does not keep it from a
// waiter. Without the hand-over it takes the lock about 60 times, or 1800 with one processor, while another goroutine waits.
func TestLock_WaiterIsServed(t *testing.T) {
	for _, processors := range []int{1, 2} {
		t.Run(fmt.Sprint("GOMAXPROCS=", processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			l := newWriteLock()
			var holds atomic.Int64
			var stop atomic.Bool
			var busy sync.WaitGroup
			busy.Go(func() {
				for !stop.Load() {
					l.Lock()
					holds.Add(1)
					for began := time.Now(); time.Since(began) < 200*time.Microsecond; {
					}
					l.Unlock()
				}
			})
			for holds.Load() == 0 {
				runtime.Gosched()
			}
			const rounds = 20
			meanwhile := int64(0)
			for range rounds {
				before := holds.Load()
				l.Lock()
				meanwhile += holds.Load() - before
				l.Unlock()
			}
			stop.Store(true)
			busy.Wait()
			if meanwhile > 50*rounds {
				t.Errorf("the other goroutine took the lock %d times during %d waits", meanwhile, rounds)
			}
		})
	}
}

// The lock excludes, however it changes hands, and no waiter is left behind.
func TestLock_Excludes(t *testing.T) {
	l := newWriteLock()
	const goroutines, each = 8, 3000
	count := 0 // guarded by l
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for i := range each {
				l.Lock()
				count++
				if i%500 == 0 {
					time.Sleep(2 * maxBarging) // the others starve
				}
				l.Unlock()
			}
		})
	}
	all.Wait()
	if count != goroutines*each {
		t.Errorf("counted %d of %d", count, goroutines*each)
	}
	if l.waiters.Load() != 0 || l.starving.Load() != 0 || l.state.Load() != lockFree {
		t.Errorf("%d waiters, %d starving, state %d after the last Unlock", l.waiters.Load(), l.starving.Load(), l.state.Load())
	}
}
