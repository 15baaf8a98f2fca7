package registry

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"
)

// directory is what the directory of the domain listed.
type directory struct {
	present map[ID]bool // those with a participant file
	others  map[ID]bool // those with any other file
	change  dirChange   // of the directory, when it was listed
	since   time.Time   // when that change was found
	began   time.Time   // when it was listed
}

// A dirChange tells one state of a directory from the next: the kernel's stamp of its last change, which directory, and its
// size, which on a tmpfs grows with each name. The stamp is of the wall clock, which may be set, so it is compared with other
// stamps only and for being the same: nothing is early or late by it.
type dirChange struct {
	stamp int64
	inode uint64
	size  int64
}

const (
	// coarse is more than the kernel's stamps may be apart, so that two changes within it may have the same one.
	coarse = 50 * time.Millisecond

	// lasting is how long a listing lasts though nothing seems to have changed. A clock that was set back gives a stamp again.
	lasting = time.Minute
)

// few is how many participants may each list a directory every second. Of more, about one does: what it finds it mentions
// to the others.
const few = 4

// stale reports whether it is time to list the directory although nobody said that somebody joined or left: a newcomer
// may have been killed before it could, and files of the dead may be left. There are n participants.
func (m *directory) stale(dir string, n int) bool {
	if n > few && rand.N(n) != 0 {
		return false
	}
	change, ok := changeOf(dir)
	return !ok || m.uncertain(change, time.Now())
}

// uncertain reports whether the directory may hold something else than was listed.
func (m *directory) uncertain(change dirChange, now time.Time) bool {
	return change != m.change || m.began.Sub(m.since) <= coarse || now.Sub(m.began) >= lasting
}

// noteChange remembers what the directory was just before it is listed.
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
