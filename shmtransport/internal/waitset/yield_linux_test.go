package waitset

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

// A receiver that goes to sleep beside an idle processor keeps its thread. A yield there would move the goroutine to
// another thread of the process, with two context switches for each sample and the tail of the delay that they cause.
func TestSet_NoThreadChangeWithoutRunnableGoroutines(t *testing.T) {
	if runtime.GOMAXPROCS(0) == 1 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const calls = 1000
	var w Set
	var others runnableProbe
	before := voluntarySwitches(t)
	for range calls {
		w.yieldToOthers(&others)
	}
	if n := voluntarySwitches(t) - before; n > calls/10 {
		t.Errorf("%d calls with nothing else to run gave up the thread %d times", calls, n)
	}
}

// A goroutine that is ready and has no processor runs before the receiver sleeps. The runtime's scheduler checks its
// global queue, where a goroutine that yields is put, before the local one at one of 61 turns (runtime/proc.go,
// findRunnable); such a yield comes back at once.
func TestSet_YieldsToRunnableGoroutines(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const calls = 200
	var w Set
	var others runnableProbe
	var ran atomic.Int32
	first := 0
	for i := range int32(calls) {
		go ran.Add(1)
		w.yieldToOthers(&others)
		if ran.Load() == i+1 {
			first++
		}
		for ran.Load() != i+1 {
			runtime.Gosched()
		}
	}
	if first < calls*9/10 {
		t.Errorf("of %d goroutines that were ready %d ran before the receiver went on", calls, first)
	}
}
