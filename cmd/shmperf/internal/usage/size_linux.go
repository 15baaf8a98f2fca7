package usage

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Size returns how many threads this process has and how many bytes of memory it occupies, shared ones included.
func Size() (threads, rss uint64, err error) {
	const path = "/proc/self/status"
	status, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, fmt.Errorf("ask how large the process is: %w", err)
	}
	figure := func(key string) uint64 {
		for line := range strings.Lines(string(status)) {
			name, value, _ := strings.Cut(line, ":")
			fields := strings.Fields(value)
			if name != key || len(fields) == 0 {
				continue
			}
			n, parse := strconv.ParseUint(fields[0], 10, 64)
			if parse != nil {
				err = fmt.Errorf("read %s of %s: %w", key, path, parse)
			}
			return n
		}
		err = fmt.Errorf("%s has no %s", path, key)
		return 0
	}
	return figure("Threads"), figure("VmRSS") * 1024, err
}

// Shared returns how many bytes of memory the files in a directory of a tmpfs occupy.
func Shared(dir string) (bytes uint64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		const sector = 512 // the unit of Blocks, whatever the file system
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			bytes += uint64(stat.Blocks) * sector
		}
		return nil
	})
	return bytes, err
}
