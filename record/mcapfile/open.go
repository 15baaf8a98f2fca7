package mcapfile

import (
	"fmt"
	"os"
)

// Open opens a recording for random access and returns its size in bytes.
func Open(path string) (*os.File, int64, error) {
	info, err := os.Stat(path) // opening a pipe would wait for a writer
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("open %s: it is not a regular file, and a recording is read from any place; copy it into one first", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
