package measure

import "runtime"

// Usage is what a process used since it began, or between two moments.
type Usage struct {
	CPU         float64 `json:"cpu_s"` // user and system time of all threads, in seconds
	Allocs      uint64  `json:"allocs"`
	Voluntary   int64   `json:"voluntary"`   // context switches because a thread had to wait
	Involuntary int64   `json:"involuntary"` // context switches because another thread needed the CPU
}

// ReadUsage returns what this process used so far. It stops every goroutine for a moment.
func ReadUsage() (Usage, error) {
	u, err := rusage()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.Allocs = m.Mallocs
	return u, err
}

// Since returns what was used after an earlier moment.
func (u Usage) Since(before Usage) Usage {
	return Usage{u.CPU - before.CPU, u.Allocs - before.Allocs, u.Voluntary - before.Voluntary, u.Involuntary - before.Involuntary}
}

// Plus adds the usage of another process.
func (u Usage) Plus(o Usage) Usage {
	return Usage{u.CPU + o.CPU, u.Allocs + o.Allocs, u.Voluntary + o.Voluntary, u.Involuntary + o.Involuntary}
}
