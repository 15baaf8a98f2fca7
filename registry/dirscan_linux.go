package registry

import (
	"io/fs"
	"syscall"
)

// changeIn takes ctime, the stamp that no process can set.
func changeIn(info fs.FileInfo) (dirChange, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return dirChange{}, false
	}
	return dirChange{stamp: st.Ctim.Nano(), inode: st.Ino, size: info.Size()}, true
}
