//go:build linux

package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A ProcStat is what the kernel shows of a process to other processes.
type ProcStat struct {
	Descriptors, Maps int
	OwnKiB            uint64 // resident memory that is in no file
}

// ProcStat returns the resources of a child, which must not have ended.
func (c *Child) ProcStat() (l ProcStat) {
	c.T.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
	if err != nil {
		c.T.Fatalf("%v: %s", err, c.ErrorText())
	}
	_, anon, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscan(anon, &l.OwnKiB); err != nil { // a process that has ended has no memory
		c.T.Fatalf("the child ended (%v): %s", c.Wait(), c.ErrorText())
	}
	l.Descriptors, l.Maps = CountResources(strconv.Itoa(c.PID()))
	return l
}

// CountResources counts the descriptors of a process, whose pid or "self" is the name of its folder in /proc, and its mappings of
// files of a test's domain.
func CountResources(process string) (descriptors, mappings int) {
	if list, err := os.ReadDir("/proc/" + process + "/fd"); err == nil {
		descriptors = len(list)
	}
	if maps, err := os.ReadFile("/proc/" + process + "/maps"); err == nil {
		mappings = strings.Count(string(maps), "/shmbus-test-")
	}
	return descriptors, mappings
}

// Max is the larger of each number.
func (l ProcStat) Max(m ProcStat) ProcStat {
	return ProcStat{max(l.Descriptors, m.Descriptors), max(l.Maps, m.Maps), max(l.OwnKiB, m.OwnKiB)}
}
