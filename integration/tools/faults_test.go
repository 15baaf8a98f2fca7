//go:build linux

package tools

import (
	"slices"
	"testing"
	"time"

	"github.com/shmbus/shmbus/doctor"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

// longSample is how long the doctor observes what a process does, when one that stands still all the while is taken for one that does
// nothing.
const longSample = time.Second

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
	deadline := time.Now().Add(harness.WaitLimit)
	for {
		r := harness.Examine(t, dir, harness.ShortSample)
		if len(r.Findings) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still found: %+v", r.Findings)
		}
	}
}
