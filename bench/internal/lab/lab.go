package lab

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

// A Lab is where a comparison takes place.
type Lab struct {
	Dir   string // on a tmpfs
	Bin   string // where programs may be started from
	Root  string // of the module that is compared
	Here  string // of this one
	Short bool   // everything as short as it still works
	count int
}

// Open makes the directories. It must be called from within this module.
func Open(ctx context.Context, short bool) (*Lab, error) {
	l := &Lab{Short: short}
	mod, err := proc.Run(ctx, "", nil, "go", "env", "GOMOD")
	if err != nil {
		return nil, err
	}
	l.Here = filepath.Dir(strings.TrimSpace(string(mod)))
	l.Root = filepath.Dir(l.Here)
	if _, err := os.Stat(filepath.Join(l.Root, "cmd", "shmperf")); err != nil {
		return nil, fmt.Errorf("find shmperf: %w (run this from within bench/)", err)
	}
	if l.Dir, err = os.MkdirTemp("/dev/shm", "shmbus-bench-"); err != nil {
		return nil, err
	}
	if l.Bin, err = os.MkdirTemp("", "shmbus-bench-"); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close removes them.
func (l *Lab) Close() error {
	err := os.RemoveAll(l.Dir)
	if l.Bin != "" {
		err = errors.Join(err, os.RemoveAll(l.Bin))
	}
	return err
}

// Place makes a new directory on the tmpfs. Its name is short: it is the beginning of socket addresses.
func (l *Lab) Place() (dir string, remove func(), err error) {
	l.count++
	dir = filepath.Join(l.Dir, strconv.Itoa(l.count))
	return dir, func() { os.RemoveAll(dir) }, os.Mkdir(dir, 0o700)
}

// For is how long something lasts that usually lasts d.
func (l *Lab) For(d time.Duration) time.Duration {
	if l.Short {
		return max(d/10, 50*time.Millisecond)
	}
	return d
}

// Times is how often something is done that is usually done n times.
func (l *Lab) Times(n int) string {
	if l.Short {
		n = max(n/10, 1)
	}
	return strconv.Itoa(n)
}

// Milliseconds is For as the programs here want it.
func (l *Lab) Milliseconds(d time.Duration) string {
	return strconv.FormatInt(l.For(d).Milliseconds(), 10)
}

// Build compiles a program of Go: dir is its directory in its module.
func (l *Lab) Build(ctx context.Context, module, dir string) (string, error) {
	path := filepath.Join(l.Bin, filepath.Base(dir))
	_, err := proc.Run(ctx, module, []string{"CGO_ENABLED=0", "GOWORK=off"}, "go", "build", "-o", path, "./"+dir)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", dir, err)
	}
	return path, nil
}
