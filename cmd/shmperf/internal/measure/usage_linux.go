package measure

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func rusage() (Usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return Usage{}, fmt.Errorf("ask what the process used: %w", err)
	}
	cpu := float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
	return Usage{CPU: cpu, Voluntary: int64(r.Nvcsw), Involuntary: int64(r.Nivcsw)}, nil
}

// ProcessSize returns the threads of this process and its resident memory in bytes, shared memory included.
func ProcessSize() (threads, rss uint64, err error) {
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

// SharedMemory returns the bytes of memory that the files in a directory of a tmpfs occupy.
func SharedMemory(dir string) (bytes uint64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		const sector = 512 // the unit of Blocks on every file system
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			bytes += uint64(stat.Blocks) * sector
		}
		return nil
	})
	return bytes, err
}
