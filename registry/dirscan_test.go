//go:build linux

package registry

import (
	"os"
	"testing"
	"time"
)

// The kernel stamps changes of a directory with the wall clock. A clock that is set back or forward by hours hides no change, and
// does not make participants list the directory for hours.
func TestDirectory_ClockSet(t *testing.T) {
	begin := time.Now()
	for name, jump := range map[string]time.Duration{"not set": 0, "set hours before": -5 * time.Hour, "set hours after": 5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			var m directory
			wants := func(want bool, change dirChange, now time.Duration) {
				t.Helper()
				if got := m.uncertain(change, begin.Add(now)); got != want {
					t.Errorf("after %v: doubts %t", now, got)
				}
			}
			first := dirChange{stamp: begin.UnixNano(), inode: 7, size: 60}
			m.noteChange(first, begin.Add(time.Millisecond))
			// A change right after it may have the same stamp.
			wants(true, first, time.Second)
			m.noteChange(first, begin.Add(time.Second))
			wants(false, first, 2*time.Second)

			// Here the clock is set. The next change is found, and after its listing there is no doubt.
			second := dirChange{stamp: begin.Add(3*time.Second + jump).UnixNano(), inode: 7, size: 60}
			wants(true, second, 4*time.Second)
			m.noteChange(second, begin.Add(4*time.Second))
			wants(true, second, 5*time.Second)
			m.noteChange(second, begin.Add(5*time.Second))
			for s := 6 * time.Second; s < 60*time.Second; s += time.Second {
				wants(false, second, s)
			}

			// Then the clock is set back to the moment of the listed change. A new name is found by the size,
			grown := second
			grown.size += 20
			wants(true, grown, 10*time.Second)
			// and a name that replaced another one by the age of the listing.
			wants(true, second, 5*time.Second+maxListingAge)
		})
	}
}

// The test above relies on this property of the kernel.
func TestDirectory_SizeChangesWithNames(t *testing.T) {
	dir := domain(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	before, ok := changeOf(dir)
	for i := range 10 {
		if err := os.WriteFile(filePath(dir, ID(i+1), participantSuffix), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		now, ok2 := changeOf(dir)
		if !ok || !ok2 || now.size <= before.size || now.inode != before.inode {
			t.Errorf("%+v after %+v", now, before)
		}
		before = now
	}
}
