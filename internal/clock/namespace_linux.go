package clock

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// namespaceOffset returns what the time namespace of this process adds to CLOCK_MONOTONIC, ns; 0 also where the kernel does
// not say.
func namespaceOffset() int64 {
	offsets, err := os.ReadFile("/proc/self/timens_offsets")
	if err != nil {
		return 0 // older than Linux 5.6, or without /proc
	}
	ns := monotonicOffset(offsets)
	if ns == 0 {
		return 0
	}
	// The file is about the namespace of future children, which is another one after unshare and before fork.
	own, err := os.Readlink("/proc/self/ns/time")
	if err != nil {
		return 0
	}
	if children, err := os.Readlink("/proc/self/ns/time_for_children"); err != nil || children != own {
		return 0
	}
	return ns
}

// monotonicOffset finds "monotonic SECONDS NANOSECONDS" among lines.
func monotonicOffset(lines []byte) int64 {
	for line := range bytes.Lines(lines) {
		f := bytes.Fields(line)
		if len(f) != 3 || string(f[0]) != "monotonic" {
			continue
		}
		s, err := strconv.ParseInt(string(f[1]), 10, 64)
		ns, err2 := strconv.ParseInt(string(f[2]), 10, 64)
		if err == nil && err2 == nil {
			return s*int64(time.Second) + ns
		}
	}
	return 0
}
