package record

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// openStream opens a pipe or device without waiting for a reader, in a mode that supports write deadlines.
func openStream(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) {
		return nil, fmt.Errorf("%w: no program has it open to read; start the reader first", err)
	}
	return f, err
}

func removed(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}

// allocate reserves disk space for a part of a file beyond its end.
func allocate(f *os.File, off, n int64) error {
	const keepSize = 1 // FALLOC_FL_KEEP_SIZE
	return syscall.Fallocate(int(f.Fd()), keepSize, off, n)
}
