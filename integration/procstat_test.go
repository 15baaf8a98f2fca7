//go:build linux

package integration

import (
	"fmt"
	"os"
	"strings"
)

// An procStat is what can be seen of a process from outside.
type procStat struct {
	Descriptors, Maps int
	OwnKiB            uint64 // resident memory that is in no file
}

// procStat looks at a child that must be there.
func (c *child) procStat() (l procStat) {
	c.t.Helper()
	pid := c.cmd.Process.Pid
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, anon, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscan(anon, &l.OwnKiB); err != nil { // a process that has ended has no memory
		c.over = true
		c.t.Fatalf("the child ended (%v): %s", c.cmd.Wait(), c.err.String())
	}
	l.Descriptors, l.Maps = countResources(pid)
	return l
}

// countResources counts a process's descriptors, and its mappings of files of a test's domain.
func countResources(pid int) (descriptors, mappings int) {
	if list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		descriptors = len(list)
	}
	if maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid)); err == nil {
		mappings = strings.Count(string(maps), "/shmbus-test-")
	}
	return descriptors, mappings
}

// max is the most of each.
func (l procStat) max(m procStat) procStat {
	return procStat{max(l.Descriptors, m.Descriptors), max(l.Maps, m.Maps), max(l.OwnKiB, m.OwnKiB)}
}
