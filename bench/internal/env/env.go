// Package env is the environment of a comparison: a directory on a tmpfs for sockets and databases, a directory for compiled programs,
// the compilers, and the length of each run. Close removes both directories.
package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shmbus/shmbus/bench/internal/proc"
)

// An Environment is the directories of a comparison and the programs that were compiled in it.
type Environment struct {
	Dir    string // on a tmpfs
	Module string // directory of the module that is compared
	Bench  string // directory of this module
	Short  bool   // every run is as short as possible

	bin     string // directory that programs can be started from
	dirs    int    // made by NewDir
	sources string // directory of the C and C++ sources
	built   map[string]built
}

// Open makes the directories. It must be called from within this module.
func Open(ctx context.Context, short bool) (*Environment, error) {
	e := &Environment{Short: short, built: map[string]built{}}
	mod, err := proc.Run(ctx, "", nil, "go", "env", "GOMOD")
	if err != nil {
		return nil, err
	}
	e.Bench = filepath.Dir(strings.TrimSpace(string(mod)))
	e.Module = filepath.Dir(e.Bench)
	if _, err := os.Stat(filepath.Join(e.Module, "cmd", "shmperf")); err != nil {
		return nil, fmt.Errorf("find shmperf: %w (run this from within bench/)", err)
	}
	if e.Dir, err = os.MkdirTemp("/dev/shm", "shmbus-bench-"); err != nil {
		return nil, err
	}
	if e.bin, err = os.MkdirTemp("", "shmbus-bench-"); err == nil {
		err = e.copySources()
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Close removes the directories.
func (e *Environment) Close() error {
	err := os.RemoveAll(e.Dir)
	if e.bin != "" {
		err = errors.Join(err, os.RemoveAll(e.bin))
	}
	return err
}

// NewDir makes a directory on the tmpfs. Its path is short, because socket addresses begin with it.
func (e *Environment) NewDir() (dir string, remove func(), err error) {
	e.dirs++
	dir = filepath.Join(e.Dir, strconv.Itoa(e.dirs))
	return dir, func() { os.RemoveAll(dir) }, os.Mkdir(dir, 0o700)
}

// Duration is the length of a run that usually lasts d.
func (e *Environment) Duration(d time.Duration) time.Duration {
	if e.Short {
		return max(d/10, 50*time.Millisecond)
	}
	return d
}

// Milliseconds is Duration as an argument of the programs in C.
func (e *Environment) Milliseconds(d time.Duration) string {
	return strconv.FormatInt(e.Duration(d).Milliseconds(), 10)
}

// Count is the number of repetitions where the usual number is n, as an argument.
func (e *Environment) Count(n int) string {
	if e.Short {
		n = max(n/10, 1)
	}
	return strconv.Itoa(n)
}
