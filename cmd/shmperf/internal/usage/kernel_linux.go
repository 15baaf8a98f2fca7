package usage

import (
	"fmt"
	"syscall"
)

func kernel() (Usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return Usage{}, fmt.Errorf("ask what the process used: %w", err)
	}
	cpu := float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
	return Usage{CPU: cpu, Voluntary: int64(r.Nvcsw), Involuntary: int64(r.Nivcsw)}, nil
}
