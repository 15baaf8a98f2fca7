package registry

import (
	"io/fs"
	"syscall"
	"time"
)

// changeIn takes the stamp that nobody can set: ctime.
func changeIn(info fs.FileInfo) (dirChange, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return dirChange{}, false
	}
	return dirChange{at: time.Unix(st.Ctim.Unix()), inode: st.Ino}, true
}
