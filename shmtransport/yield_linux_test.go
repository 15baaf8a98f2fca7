package shmtransport

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
)

const rusageThread = 1 // RUSAGE_THREAD, which package syscall does not name

func voluntarySwitches(t *testing.T) int64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(rusageThread, &u); err != nil {
		t.Fatal(err)
	}
	return int64(u.Nvcsw)
}

// A receiver that goes to sleep beside an idle processor keeps its thread. A yield there would hand the goroutine to another
// thread of the process, with two context switches for each sample and the tail of the delay that they cause.
func TestWaits_NoThreadChangeWithoutRunnableGoroutines(t *testing.T) {
	if runtime.GOMAXPROCS(0) == 1 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const calls = 1000
	var w Waits
	var others runnable
	before := voluntarySwitches(t)
	for range calls {
		w.makeWay(&others)
	}
	if n := voluntarySwitches(t) - before; n > calls/10 {
		t.Errorf("%d calls with nothing else to run gave up the thread %d times", calls, n)
	}
}

// A goroutine that is ready and has no processor is let run before the receiver sleeps.
func TestWaits_YieldsToRunnableGoroutines(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var w Waits
	var others runnable
	var ran atomic.Bool
	go ran.Store(true)
	w.makeWay(&others)
	if !ran.Load() {
		t.Error("a goroutine that was ready did not run")
	}
}
