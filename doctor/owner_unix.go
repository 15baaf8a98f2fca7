//go:build unix

package doctor

import (
	"io/fs"
	"syscall"
)

// fileOwner returns the owner and group of a file and its allocated bytes.
func fileOwner(info fs.FileInfo) (uid, gid int, bytes int64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1, 0
	}
	const block = 512 // bytes; the unit of st_blocks, independent of the file system
	return int(st.Uid), int(st.Gid), st.Blocks * block
}
