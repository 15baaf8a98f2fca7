//go:build linux

package agent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/clock"
)

// LimitDescriptors lets the process open so many descriptors beyond those in use.
type LimitDescriptors struct{ More int }

func (c LimitDescriptors) Run(context.Context, *State) (none, error) {
	if err := setLimit(syscall.RLIMIT_NOFILE, 1<<10); err != nil { // or they cannot be counted
		return none{}, err
	}
	fds, err := os.ReadDir("/proc/self/fd")
	return none{}, errors.Join(err, setLimit(syscall.RLIMIT_NOFILE, uint64(len(fds)-1+c.More)))
}

// ForbidDescriptors lets the process open no more descriptors. What is open stays open.
type ForbidDescriptors struct{}

func (ForbidDescriptors) Run(context.Context, *State) (none, error) {
	return none{}, setLimit(syscall.RLIMIT_NOFILE, 0)
}

// LimitMappings lets the process map so many bytes more than it has mapped.
type LimitMappings struct {
	Bytes     int
	Unlimited bool
}

func (c LimitMappings) Run(context.Context, *State) (none, error) {
	if c.Unlimited {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_AS, &limit); err != nil {
			return none{}, err
		}
		return none{}, setLimit(syscall.RLIMIT_AS, limit.Max)
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return none{}, err
	}
	pages, err := strconv.ParseUint(strings.Fields(string(statm))[0], 10, 64)
	if err != nil {
		return none{}, err
	}
	return none{}, setLimit(syscall.RLIMIT_AS, pages*uint64(os.Getpagesize())+uint64(c.Bytes))
}

// setLimit sets a soft limit of the process.
func setLimit(resource int, n uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(resource, &limit); err != nil {
		return err
	}
	limit.Cur = n
	return syscall.Setrlimit(resource, &limit)
}

// MeasureResources returns what the process has, after two garbage collections.
type MeasureResources struct{}

// Resources are what a process has. Numbers that the process lacks a descriptor to count are 0.
type Resources struct {
	FDs, Maps  int
	Goroutines int
	Threads    int
	HeapKiB    uint64
	Objects    uint64 // on the heap
}

func (MeasureResources) Run(context.Context, *State) (r Resources, _ error) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.FDs, r.Maps = harness.CountResources("self")
	threads, _ := os.ReadDir("/proc/self/task")
	r.Threads, r.Goroutines = len(threads), runtime.NumGoroutine()
	r.HeapKiB, r.Objects = m.HeapAlloc>>10, m.HeapObjects
	return r, nil
}

// CheckSteady fails the test if the agent has much more than it had before.
func (a Agent) CheckSteady(before Resources) {
	a.T.Helper()
	now := a.MeasureResources()
	a.T.Logf("before %+v", before)
	a.T.Logf("now    %+v", now)
	if now.FDs > before.FDs+8 || now.Maps > before.Maps+8 || now.Goroutines > before.Goroutines+8 || now.HeapKiB > before.HeapKiB+4096 {
		a.T.Errorf("it grew from %+v to %+v", before, now)
	}
}

// MeasureResident returns the KiB of the process that are in memory, after the runtime gave back what it could.
type MeasureResident struct{}

func (MeasureResident) Run(context.Context, *State) (uint64, error) {
	debug.FreeOSMemory()
	return resident()
}

// resident adds up what is in memory of everything that is mapped, except the program itself, of which more comes in the longer it
// runs. The count in /proc/self/status is not exact.
func resident() (kib uint64, _ error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	program := false
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		switch {
		case strings.Contains(f[0], "-"): // the range of addresses
			program = len(f) > 5 && f[5] == self
		case f[0] == "Rss:" && !program:
			n, err := strconv.ParseUint(f[1], 10, 64)
			if err != nil {
				return 0, err
			}
			kib += n
		}
	}
	return kib, nil
}

// Now returns the time of CLOCK_MONOTONIC in nanoseconds.
type Now struct{}

func (Now) Run(context.Context, *State) (int64, error) { return clock.New().Now(), nil }

// PID returns the process's id in its own namespace.
type PID struct{}

func (PID) Run(context.Context, *State) (int, error) { return os.Getpid(), nil }

// Spawn starts a program that outlives the process, by os/exec or by syscall.ForkExec, and returns its pid.
type Spawn struct{ ForkExec bool }

func (c Spawn) Run(context.Context, *State) (int, error) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return 0, err
	}
	if c.ForkExec {
		return syscall.ForkExec(sleep, []string{"sleep", "60"}, &syscall.ProcAttr{})
	}
	cmd := exec.Command(sleep, "60")
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}
