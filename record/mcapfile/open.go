package mcapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// Parts returns the recordings in a directory, by name: the parts of one recording, or any others. Of another path it returns that.
func Parts(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var parts []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".mcap") && !e.IsDir() {
			parts = append(parts, filepath.Join(path, e.Name()))
		}
	}
	if len(parts) == 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("the directory has no file whose name ends in .mcap")}
	}
	return parts, nil
}
