//go:build linux

package integration

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/doctor"
	"github.com/shmbus/shmbus/internal/process"
)

// How long the doctor looks: at what does not depend on it, and at who does how much, when one that stands still all the while is taken
// for one that does nothing.
const (
	shortSample = 300 * time.Millisecond
	longSample  = time.Second
)

// examine examines the domain of a test.
func examine(t *testing.T, dir string, sample time.Duration) *doctor.Report {
	t.Helper()
	r, err := doctor.Examine(t.Context(), filepath.Join(dir, "d"), &doctor.Options{Sample: sample})
	if err != nil {
		t.Fatal(err)
	}
	// The machine that runs the tests may have little room; that is not what they are about.
	r.Findings = slices.DeleteFunc(r.Findings, func(f doctor.Finding) bool { return f.Fault == doctor.NearlyFull })
	return r
}

// checkFaults wants exactly these faults, once each, and returns the findings.
func checkFaults(t *testing.T, r *doctor.Report, want ...doctor.Fault) map[doctor.Fault]doctor.Finding {
	t.Helper()
	found := map[doctor.Fault]doctor.Finding{}
	var got []doctor.Fault
	for _, f := range r.Findings {
		got = append(got, f.Fault)
		found[f.Fault] = f
		if f.What == "" || f.Why == "" || f.Remedy == "" || f.Severity < doctor.Note || f.Severity > doctor.Problem {
			t.Errorf("not explained: %+v", f)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
		for _, f := range r.Findings {
			t.Logf("%s", f.What)
		}
	}
	return found
}

// waitNoFindings examines until nothing is found any more.
func waitNoFindings(t *testing.T, dir string) {
	t.Helper()
	deadline := time.Now().Add(waitLimit)
	for {
		r := examine(t, dir, shortSample)
		if len(r.Findings) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still found: %+v", r.Findings)
		}
	}
}

// stopProcess stops a process and waits until it does: the kernel does so a moment after the signal was sent.
func stopProcess(c *child) {
	c.t.Helper()
	pid := c.cmd.Process.Pid
	begun, err := process.StartTime(pid)
	if err != nil {
		c.t.Fatal(err)
	}
	c.signal(syscall.SIGSTOP)
	for deadline := time.Now().Add(waitLimit); process.StateOf(pid, begun) != process.Stopped; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatal("it does not stop")
		}
	}
}
