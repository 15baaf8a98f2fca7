//go:build linux

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// startAttemptAgent starts a child in the attempt role, which has joined.
func startAttemptAgent(t testing.TB, dir string) *child {
	t.Helper()
	c := start(t, dir, "attempt")
	c.mustSucceed("join")
	return c
}

// attempt gives a command and returns what came of it.
func (c *child) attempt(format string, args ...any) (a attemptResult) {
	c.t.Helper()
	c.send(format, args...)
	c.expect(&a)
	return a
}

// mustSucceed gives a command that has to go well.
func (c *child) mustSucceed(format string, args ...any) attemptResult {
	c.t.Helper()
	a := c.attempt(format, args...)
	if a.Err != "" {
		c.t.Fatalf(format+": %s", append(args, a.Text)...)
	}
	return a
}

// mustLack gives a command that must fail for lack of a resource. The error must say how much is available, and the remedy. Where the last
// argument is the size of a payload no less than that is needed.
func (c *child) mustLack(want, format string, args ...any) {
	c.t.Helper()
	a := c.attempt(format, args...)
	wrong := func(what string) { c.t.Errorf(format+": %s: %s", append(args, what, a.Text)...) }
	if a.Want != want {
		wrong(fmt.Sprintf("want of %q instead of %q", a.Want, want))
		return
	}
	least := 1
	if len(args) > 0 {
		if n, ok := args[len(args)-1].(int); ok {
			least = n
		}
	}
	figures := []string{fmt.Sprint(a.Needed), fmt.Sprint(a.Available)}
	switch want {
	case "space":
		if free := available(c.t, c.dir); a.Available != free && !slices.Contains(strings.Fields(format), "record") { // which is on another
			wrong(fmt.Sprintf("%d available, not %d", free, a.Available))
		}
	case "files", "places":
		figures = nil
	}
	if figures != nil && (a.Needed < int64(least) || a.Available < 0 || a.Available >= a.Needed && !strings.Contains(a.Text, "whatever its size")) {
		wrong(fmt.Sprintf("%d needed, %d available", a.Needed, a.Available))
	}
	for _, part := range append(figures, remedies()[want]) {
		if !strings.Contains(a.Text, part) {
			wrong(fmt.Sprintf("without %q", part))
		}
	}
}

// remedies are the remedies that errors for lack of a resource name.
func remedies() map[string]string {
	return map[string]string{"space": "enlarge the file system", "memory": "ulimit -v", "files": "ulimit -n", "places": "limit is"}
}

// resourceSummary are what a process has that a call which failed might leave behind.
func (c *child) resourceSummary(dir string) string {
	c.t.Helper()
	f := c.mustSucceed("figures")
	return fmt.Sprint(entries(c.t, dir), " files, ", f.FDs, " descriptors, ", f.Maps, " mappings, ", used(c.t, dir), " bytes")
}
