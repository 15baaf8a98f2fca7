package topic

import (
	"runtime"
	"strings"
	"testing"
)

// allocations tells how many times f allocates. The participants' goroutines that look at the registry allocate beside it, so
// what is counted is not what the process allocates but what has f's caller on its stack.
func allocations(t testing.TB, f func()) int64 {
	t.Helper()
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	before := allocatedBelow(t, "topic.counted")
	counted(f)
	return allocatedBelow(t, "topic.counted") - before
}

//go:noinline
func counted(f func()) { f() }

// timerHeap is where the runtime makes room for the timers of a processor, once for each processor on which one is started.
const timerHeap = "runtime.(*timers).addHeap"

// allocatedBelow returns how many allocations with some function on their stack the runtime's profile holds, without those of
// timerHeap.
func allocatedBelow(t testing.TB, function string) (n int64) {
	t.Helper()
	for range 3 { // a profile may be two collections old
		runtime.GC()
	}
	var records []runtime.MemProfileRecord
	for {
		have, ok := runtime.MemProfile(records, true)
		if ok {
			records = records[:have]
			break
		}
		records = make([]runtime.MemProfileRecord, have+100)
	}
	for _, r := range records {
		frames := runtime.CallersFrames(r.Stack())
		for more := len(r.Stack()) > 0; more; {
			var f runtime.Frame
			if f, more = frames.Next(); f.Function == timerHeap {
				break
			}
			if strings.HasSuffix(f.Function, function) {
				n += r.AllocObjects
				break
			}
		}
	}
	return n
}

func TestAllocations_Counted(t *testing.T) {
	var kept []*[64]byte
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := new([64]byte); ; b = new([64]byte) {
			select {
			case <-stop:
				return
			default:
				b[0]++
				runtime.Gosched()
			}
		}
	}()
	if n := allocations(t, func() {
		for range 100 {
			kept = append(kept[:0], new([64]byte))
		}
	}); n < 100 || n > 101 {
		t.Errorf("%d of 100 allocations were counted", n)
	}
	close(stop)
	<-done
	runtime.KeepAlive(kept)
}
