package waitset

import (
	"runtime"
	"runtime/metrics"
)

// maxYields is the number of times that a goroutine yields to the waiters that it woke.
const maxYields = 4

// yieldToOthers lets other ready goroutines run, above all woken waiters, and reports whether all of these run.
//
// It does not yield if no goroutine is ready: runtime.Gosched wakes another thread of the process if a processor of the
// runtime is idle. That thread competes with this one for the goroutine and for the machine's processors, right when
// the next sample may come.
func (w *Set) yieldToOthers(others *runnableProbe) bool {
	if w.waking.Load() == 0 && !others.any() {
		return true
	}
	for range maxYields {
		runtime.Gosched()
		if w.waking.Load() == 0 {
			return true
		}
	}
	return false
}

// runnableName is the runtime's count of goroutines that are ready to run and have no processor. Reading it takes some
// 90 ns, no memory and no system call.
const runnableName = "/sched/goroutines/runnable:goroutines"

// A runnableProbe asks the runtime for goroutines of this process that are ready to run. It is for one goroutine at a
// time. The zero value is ready to use.
type runnableProbe struct{ sample [1]metrics.Sample }

// any reports whether there are some. The answer is approximate: the runtime counts without stopping them.
func (r *runnableProbe) any() bool {
	r.sample[0].Name = runnableName
	metrics.Read(r.sample[:])
	v := r.sample[0].Value
	return v.Kind() != metrics.KindUint64 || v.Uint64() > 0
}
