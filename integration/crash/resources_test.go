//go:build linux && shmbus_failpoints

package crash

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

// resources are a survivor's resources that every victim makes it take and that it must release.
type resources struct {
	Descriptors int
	Mappings    int // of files of the domain
	Goroutines  int
}

// measureResources notes the resources of this process. Mappings of the file with that inode, the steady publisher's, do not count,
// because readers map it as they read.
func measureResources(inode string) (r resources, _ error) {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return r, err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return r, err
	}
	r.Descriptors, r.Goroutines = len(open), runtime.NumGoroutine()
	for line := range strings.Lines(string(maps)) {
		if f := strings.Fields(line); len(f) > 5 && strings.Contains(f[5], "/shmbus-test-") && f[4] != inode {
			r.Mappings++
		}
	}
	return r, nil
}

// inode returns the inode of the steady publisher's file.
func (s *failpointHarness) inode(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.dir, "d", "*.pub.*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("publisher files: %q, %v", found, err)
	}
	info, err := os.Stat(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatUint(info.Sys().(*syscall.Stat_t).Ino, 10)
}

// measureResources returns the resources of publisher and subscriber while nothing is published, once they are the same for looks times.
func (s *failpointHarness) measureResources() (all [2]resources) {
	const repeats = 20
	harness.Do(s.publisher, pause{})
	for same := 0; same < repeats; same++ {
		now := [2]resources{
			harness.Do(s.publisher, publisherResources{s.file}), harness.Do(s.subscriber, subscriberResources{s.file}),
		}
		if now != all {
			all, same = now, 0
		}
		time.Sleep(time.Millisecond)
	}
	harness.Do(s.publisher, resume{})
	return all
}

// checkReturned checks that the survivors' resources are those from before the victims. It waits until the survivors have learned of the
// last victim's end.
func (s *failpointHarness) checkReturned(t *testing.T) {
	t.Helper()
	now := s.measureResources()
	for begin := time.Now(); now != s.before && time.Since(begin) < harness.WaitLimit/4; {
		now = s.measureResources()
	}
	if now != s.before {
		t.Errorf("publisher and subscriber had %+v, after all victims they have %+v", s.before, now)
	}
}
