package edit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// An output is a new file, under another name until it is complete.
type output struct {
	path string
	file *os.File
}

// create refuses a path that is taken, before any work is done. The sources may have the name of the unfinished file: a recording that was
// not closed is recovered under its proper name.
func create(path string, from []Source) (*output, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, taken(path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	name := path + suffix
	if isSource(name, from) {
		name = path + ".new" + suffix
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: it is being written, or the program that wrote it was killed; recover it under another name, or move it away", err)
	}
	if err != nil {
		return nil, err
	}
	return &output{path: path, file: f}, nil
}

func isSource(name string, from []Source) bool {
	info, err := os.Stat(name)
	return err == nil && slices.ContainsFunc(from, func(s Source) bool {
		source, err := os.Stat(s.Path)
		return err == nil && os.SameFile(info, source)
	})
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
