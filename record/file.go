package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// openRecording opens a file to be read from any place, and says how long it is.
func openRecording(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// createRecording makes the file under its final name at once, so that a recorder that is killed leaves it where it is
// looked for.
func createRecording(path string, force bool) (*os.File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w; name another file or have it replaced (--force)", err)
	}
	return f, err
}
