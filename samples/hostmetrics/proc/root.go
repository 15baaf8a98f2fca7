// Package proc reads the figures of the machine from the files under /proc.
//
// Every parser is a pure function from the text of a file to figures. The text is not trusted: sizes, counts and names are bounded, and
// text that differs from proc(5) is an error and never a panic. Files that a machine does not have (a container without disks, a kernel
// without pressure figures) are reported as fs.ErrNotExist.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Bounds on what one machine may report. What lies beyond them is left out.
const (
	maxFile      = 4 << 20 // bytes; the largest, /proc/stat, has some 10 kB for each hundred CPUs
	maxCPUs      = 1024
	maxDevices   = 64 // disks, and likewise network interfaces
	maxProcesses = 1 << 16
	maxName      = 64 // bytes
)

// ErrFormat says that a file is not as proc(5) describes it.
var ErrFormat = errors.New("unexpected format")

// A Root is a file tree with a proc directory in it: that of the machine, or one made for a test.
// It is immutable and safe for concurrent use.
type Root struct {
	tree fs.FS
}

// Machine is the tree of the running system.
func Machine() Root { return At(os.DirFS("/")) }

// At reads from another tree, such as a host's root mounted in a container.
func At(tree fs.FS) Root { return Root{tree: tree} }

// read gives one file to its parser.
func read[T any](r Root, name string, parse func([]byte) (T, error)) (T, error) {
	var none T
	f, err := r.tree.Open(name)
	if err != nil {
		return none, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return none, fmt.Errorf("read %s: %w", name, err)
	}
	if len(text) > maxFile {
		return none, fmt.Errorf("read %s: %w: longer than %d bytes", name, ErrFormat, maxFile)
	}
	v, err := parse(text)
	if err != nil {
		return none, fmt.Errorf("read %s: %w", name, err)
	}
	return v, nil
}

// numbers parses the first len(into) fields; fewer than least of them, or one that is no number, is an error.
func numbers(fields [][]byte, least int, into ...*uint64) error {
	if len(fields) < least {
		return fmt.Errorf("%w: %d numbers, at least %d expected", ErrFormat, len(fields), least)
	}
	for i, p := range into[:min(len(into), len(fields))] {
		n, err := strconv.ParseUint(string(fields[i]), 10, 64)
		if err != nil {
			return fmt.Errorf("%w: %.40q is not a number", ErrFormat, fields[i])
		}
		*p = n
	}
	return nil
}

func float(field []byte) (float64, error) {
	v, err := strconv.ParseFloat(string(field), 64)
	if err != nil || v != v || v < 0 || v > 1e18 {
		return 0, fmt.Errorf("%w: %.40q is not a figure", ErrFormat, field)
	}
	return v, nil
}

// name makes text that the kernel lets users choose fit to be sent on: valid UTF-8 and of bounded length.
func name(b []byte) string {
	return strings.ToValidUTF8(string(bytes.TrimSpace(b[:min(len(b), maxName)])), "")
}
