package shm

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// SpaceAt asks for the room on the file system that path is on.
func SpaceAt(path string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Space{}, fmt.Errorf("ask for the room at %s: %w", path, err)
	}
	return Space{
		Tmpfs: uint64(st.Type) == unix.TMPFS_MAGIC, Type: uint64(st.Type),
		Size: inBytes(st.Blocks, int64(st.Bsize)), Available: inBytes(st.Bavail, int64(st.Bsize)),
		Files: int64(min(st.Files, math.MaxInt64)), FilesFree: int64(min(st.Ffree, math.MaxInt64)),
	}, nil
}

func inBytes(blocks uint64, size int64) int64 {
	if size <= 0 || blocks > uint64(math.MaxInt64/size) {
		return math.MaxInt64
	}
	return int64(blocks) * size
}
