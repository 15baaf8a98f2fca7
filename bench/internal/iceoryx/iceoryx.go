package iceoryx

import (
	"context"
	_ "embed"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/lab"
	"github.com/shmbus/shmbus/bench/internal/missing"
	"github.com/shmbus/shmbus/bench/internal/native"
	"github.com/shmbus/shmbus/bench/internal/place"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

//go:embed roudi.toml
var config []byte

// Installed returns nil, or what is missing.
func Installed(ctx context.Context, w *native.Workshop) error {
	if _, err := missing.Program("iox-roudi", "iceoryx"); err != nil {
		return err
	}
	_, err := w.Build(ctx, native.Iceoryx)
	return err
}

// The socket that RouDi listens at, and the files that one leaves behind that is killed.
const socket = "/tmp/roudi"

func leftovers() []string {
	files := []string{socket, "/tmp/roudi.lock", "/tmp/iox-unique-roudi.lock", "/dev/shm/iceoryx_mgmt"}
	if u, err := user.Current(); err == nil {
		if g, err := user.LookupGroupId(u.Gid); err == nil {
			files = append(files, "/dev/shm/"+filepath.Base(g.Name)) // the segment with payloads is named for the group
		}
	}
	return files
}

// Run measures in one of the modes poll, block and stream, at a rate or, for rate 0, as fast as it goes.
func Run(ctx context.Context, l *lab.Lab, w *native.Workshop, where place.Place, mode string, size, rate int, d time.Duration) (figures.Figures, error) {
	program, err := w.Build(ctx, native.Iceoryx)
	if err != nil {
		return nil, err
	}
	for _, name := range leftovers() {
		if _, err := os.Lstat(name); err == nil {
			return nil, errors.New(name + " is there: another RouDi runs or was killed, and there can be only one")
		}
	}
	dir, remove, err := l.Place()
	if err != nil {
		return nil, err
	}
	defer remove()
	toml := filepath.Join(dir, "roudi.toml")
	if err := os.WriteFile(toml, config, 0o600); err != nil {
		return nil, err
	}
	roudi, err := proc.Start(ctx, dir, nil, "iox-roudi", "-c", toml, "-m", "off")
	if err != nil {
		return nil, err
	}
	defer func() {
		roudi.Stop()
		for _, name := range leftovers() { // none of them was there before
			os.Remove(name)
		}
	}()
	if err := roudi.WaitUntil(ctx, func() bool { _, err := os.Lstat(socket); return err == nil }); err != nil {
		return nil, err
	}
	out, err := proc.Run(ctx, dir, where.Env(), program, mode, strconv.Itoa(size), strconv.Itoa(rate), l.Milliseconds(d))
	if err != nil {
		return nil, err
	}
	return figures.Parse(out)
}
