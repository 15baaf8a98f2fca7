//go:build linux

package harness

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/doctor"
)

// ShortSample is how long the doctor observes what does not depend on it.
const ShortSample = 300 * time.Millisecond

// Examine examines the domain of a test.
func Examine(t testing.TB, dir string, sample time.Duration) *doctor.Report {
	t.Helper()
	r, err := doctor.Examine(t.Context(), filepath.Join(dir, "d"), &doctor.Options{Sample: sample})
	if err != nil {
		t.Fatal(err)
	}
	// The machine that runs the tests may have little space, which is not what they are about.
	r.Findings = slices.DeleteFunc(r.Findings, func(f doctor.Finding) bool { return f.Fault == doctor.NearlyFull })
	return r
}

// WantParts wants a text to have all parts.
func WantParts(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in: %s", part, text)
		}
	}
}
