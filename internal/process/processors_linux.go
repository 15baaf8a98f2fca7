package process

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// OneProcessor reports whether one goroutine of this process runs at a time: a goroutine that spins may keep away what it waits for.
func OneProcessor() bool { return runtime.NumCPU() == 1 || runtime.GOMAXPROCS(0) == 1 }

// RaiseGOMAXPROCS raises GOMAXPROCS from 1 to 2 where the process may use only one processor, unless the environment sets it. With a single one
// the runtime takes it from each goroutine that sleeps in a system call, and must find it and wake its monitor when the call returns. Under a
// limit of a control group, the runtime itself keeps 2.
func RaiseGOMAXPROCS() {
	if runtime.NumCPU() == 1 && runtime.GOMAXPROCS(0) == 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2)
	}
}

// Yield lets other processes run if this one may use only one processor, and reports whether that is so. It returns when the kernel gives the
// processor back: at once if no other process is ready, after a time slice (some milliseconds) beside one that does not sleep. The goroutine keeps
// its processor of the runtime.
func Yield() bool {
	if runtime.NumCPU() > 1 {
		return false
	}
	_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // does not fail
	return true
}
