package registry

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"
)

// members is what the directory of the domain listed.
type members struct {
	present map[ID]bool // those with a participant file
	others  map[ID]bool // those with any other file
	began   time.Time   // when it was listed
	change  dirChange
}

// A dirChange tells one state of a directory from the next: the kernel's stamp of its last change, and which directory.
type dirChange struct {
	at    time.Time
	inode uint64
}

// coarse is more than the kernel's stamps may be apart, so that two changes within it may have the same one.
const coarse = 50 * time.Millisecond

// few is how many participants may each list a directory every second. Of more, about one does: what it finds it mentions
// to the others.
const few = 4

// stale reports whether it is time to list the directory although nobody said that somebody joined or left: a newcomer
// may have been killed before it could, and files of the dead may be left. There are n participants.
func (m *members) stale(dir string, n int) bool {
	if n > few && rand.N(n) != 0 {
		return false
	}
	now, ok := changeOf(dir)
	return !ok || now != m.change || m.began.Sub(m.change.at) <= coarse
}

func (m *members) list(dir string) error {
	m.began = time.Now()
	m.change, _ = changeOf(dir)
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
