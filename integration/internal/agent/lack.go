//go:build linux

package agent

import (
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

// MustLack makes a call that must fail for lack of a resource, of which it needs least bytes or more if that is not 0. The error must
// say how much is needed and available, and the remedy.
func MustLack[R any](a Agent, resource harness.Resource, least int, call harness.Call[*State, R]) {
	a.T.Helper()
	_, f := harness.Try(a.Child, call)
	wrong := func(what string) {
		a.T.Helper()
		a.T.Errorf("%T%+v: %s: %+v", call, call, what, f)
	}
	if f == nil || f.Lacks != resource {
		wrong(fmt.Sprintf("it does not lack %s", resource))
		return
	}
	parts := []string{remedies()[resource]}
	if resource == harness.Space || resource == harness.Memory {
		parts = append(parts, fmt.Sprint(f.Needed), fmt.Sprint(f.Available))
		if f.Needed < int64(max(least, 1)) || f.Available < 0 || f.Available >= f.Needed && !strings.Contains(f.Text, "whatever its size") {
			wrong(fmt.Sprintf("%d needed, %d available", f.Needed, f.Available))
		}
	}
	if _, otherDisk := any(call).(Record); resource == harness.Space && !otherDisk {
		if free := harness.Available(a.T, a.Dir); f.Available != free {
			wrong(fmt.Sprintf("%d available, not %d", free, f.Available))
		}
	}
	for _, part := range parts {
		if !strings.Contains(f.Text, part) {
			wrong(fmt.Sprintf("without %q", part))
		}
	}
}

// remedies are what errors for lack of a resource say.
func remedies() map[harness.Resource]string {
	return map[harness.Resource]string{
		harness.Space: "enlarge the file system", harness.Memory: "ulimit -v", harness.Descriptors: "ulimit -n", harness.Places: "limit is",
	}
}

// ResourceSummary is what the process and the domain have that a call which failed might leave behind.
func (a Agent) ResourceSummary() string {
	a.T.Helper()
	r := a.MeasureResources()
	return fmt.Sprint(harness.CountFiles(a.T, a.Dir), " files, ", r.FDs, " descriptors, ", r.Maps, " mappings, ", harness.Used(a.T, a.Dir), " bytes")
}
