package edit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// An output is a new file, under another name until it is complete.
type output struct {
	path string
	file *os.File
}

// create refuses a path that is taken, before any work is done.
func create(path string) (*output, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, taken(path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path+suffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w; it is being written, or was when its program was killed: remove it then", err)
	}
	if err != nil {
		return nil, err
	}
	return &output{path: path, file: f}, nil
}

// suffix ends the name of a file that is not complete.
const suffix = ".unfinished"

func taken(path string) error {
	return fmt.Errorf("write %s: %w; name another file or remove this one", path, fs.ErrExist)
}

// finish gives the complete file its name, unless that is taken meanwhile.
func (o *output) finish() error {
	err := o.file.Sync()
	if closed := o.file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	err = os.Link(o.file.Name(), o.path)
	switch {
	case err == nil:
		return os.Remove(o.file.Name())
	case errors.Is(err, fs.ErrExist):
		return taken(o.path)
	}
	// A file system without hard links.
	if _, err := os.Lstat(o.path); err == nil {
		return taken(o.path)
	}
	return os.Rename(o.file.Name(), o.path)
}

func (o *output) discard() {
	o.file.Close()
	os.Remove(o.file.Name())
}
