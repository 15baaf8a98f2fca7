package registry

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"
)

// A directory is the last listing of the domain directory.
type directory struct {
	present map[ID]bool // participants with a participant file
	others  map[ID]bool // participants with any other file
	change  dirChange   // of the directory, before it was listed
	since   time.Time   // when that change was found
	began   time.Time   // when it was listed
}

// A dirChange identifies a state of a directory: the kernel's stamp of its last change, its inode, and its size, which on a
// tmpfs grows with each name. The stamp comes from the wall clock, which may be set, so stamps are compared for equality only.
type dirChange struct {
	stamp int64
	inode uint64
	size  int64
}

const (
	// stampStep is more than the granularity of the kernel's stamps: two changes within it may have the same stamp.
	stampStep = 50 * time.Millisecond

	// maxListingAge is the longest time between two listings. A clock that was set back may repeat a stamp.
	maxListingAge = time.Minute
)

// maxRescanners is the largest number of participants that each rescan the directory every second. In a larger domain about one
// does, and announces what it finds.
const maxRescanners = 4

// stale reports whether the directory must be listed although there is no hint that a participant joined or left. A new
// participant may have been killed before it rang, and files of dead participants may be left. n is the number of participants.
func (m *directory) stale(dir string, n int) bool {
	if n > maxRescanners && rand.N(n) != 0 {
		return false
	}
	change, ok := changeOf(dir)
	return !ok || m.uncertain(change, time.Now())
}

// uncertain reports whether the directory may differ from the last listing.
func (m *directory) uncertain(change dirChange, now time.Time) bool {
	return change != m.change || m.began.Sub(m.since) <= stampStep || now.Sub(m.began) >= maxListingAge
}

// noteChange stores the state of the directory just before it is listed.
func (m *directory) noteChange(change dirChange, now time.Time) {
	if change != m.change || m.since.IsZero() {
		m.change, m.since = change, now
	}
	m.began = now
}

func (m *directory) list(dir string) error {
	now := time.Now()
	change, _ := changeOf(dir)
	m.noteChange(change, now)
	present, others := make(map[ID]bool, len(m.present)), make(map[ID]bool, len(m.others))
	err := eachFile(dir, func(id ID, suffix string) {
		if suffix == participantSuffix {
			present[id] = true
		} else {
			others[id] = true
		}
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m.present, m.others = present, others
	return nil
}

func changeOf(dir string) (dirChange, bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return dirChange{}, false
	}
	return changeIn(info)
}
