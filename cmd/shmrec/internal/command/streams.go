package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// standard is what a command line calls standard input, or standard output.
const standard = "-"

// stdinName is what people are told of standard input.
const stdinName = "standard input"

// errTwice refuses a second use of standard input.
var errTwice = errors.New("standard input can be only one of the files")

// inputName is how a recording that a command line names is called in texts.
func inputName(argument string) string {
	if argument == standard {
		return stdinName
	}
	return text.Escape(argument)
}

// outputName is the same for a file that is written.
func outputName(argument string) string {
	if argument == standard {
		return "standard output"
	}
	return text.Escape(argument)
}

// An inputFile is a recording that a command line names.
type inputFile struct {
	argument string
	path     string
	copied   *os.File // of standard input; nil = none
}

// input finds a recording that a command line names. Standard input, named -, is copied into a file without a name first, because a
// recording is read from any place. The file is closed after use.
func input(argument string) (*inputFile, error) {
	in := &inputFile{argument: argument, path: argument}
	if argument != standard {
		return in, nil
	}
	if info, err := os.Stdin.Stat(); err == nil && info.Mode().IsRegular() {
		in.path = "/dev/stdin"
		return in, nil
	}
	f, err := os.CreateTemp("", "shmrec-*.mcap")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(f.Name()); err == nil {
		_, err = io.Copy(f, os.Stdin)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("copy standard input to %s: %w; TMPDIR names another place", os.TempDir(), err)
	}
	in.copied, in.path = f, fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	return in, nil
}

func (in *inputFile) close() {
	if in.copied != nil {
		in.copied.Close()
	}
}

// named is an error with the name of standard input in place of that of its copy.
func (in *inputFile) named(err error) error {
	if err == nil || in.argument == in.path {
		return err
	}
	return &namedError{err, strings.ReplaceAll(err.Error(), in.path, stdinName)}
}

// A namedError has another text.
type namedError struct {
	error
	text string
}

func (e *namedError) Error() string { return e.text }
func (e *namedError) Unwrap() error { return e.error }
