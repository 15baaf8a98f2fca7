package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/shmbus/shmbus/internal/shm"
)

// openRecording opens a file to be read from any place, and says how long it is.
func openRecording(path string) (*os.File, int64, error) {
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

// createRecording makes the file under its final name at once, so that a recorder that is killed leaves it where it is
// looked for. It is locked as long as it is written: two recorders in one file would spoil it for both.
func createRecording(path string, force bool) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("open %s: it is a directory; name a file in it", path)
	}
	flags := os.O_WRONLY | os.O_CREATE
	if !force {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w; name another file or have it replaced (--force)", err)
	}
	if err != nil {
		return nil, err
	}
	if err := takeOver(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// takeOver empties the file, unless another recorder writes it.
func takeOver(f *os.File) error {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	if err := shm.Lock(f); errors.Is(err, shm.ErrLocked) {
		return fmt.Errorf("another recorder writes %s; name another file or end that one", f.Name())
	}
	// A file system without locks (some of the network) is no reason not to record.
	return f.Truncate(0)
}
