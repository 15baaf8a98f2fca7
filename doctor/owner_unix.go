//go:build unix

package doctor

import (
	"io/fs"
	"syscall"
)

// owned returns whose a file is and how many bytes it takes.
func owned(info fs.FileInfo) (uid, gid int, bytes int64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1, 0
	}
	const block = 512 // bytes of the kernel's unit, whatever the file system's is
	return int(st.Uid), int(st.Gid), st.Blocks * block
}
