package peers

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

//go:embed roudi.toml
var roudiConfig string

// roudiMemory is the size of the pool in bytes, except for very small and very large payloads.
const roudiMemory = 32 << 20

// callHeader is room for what iceoryx puts before the payload of a request or response: 40 bytes and their alignment.
const callHeader = 64

func roudiChunks(size int) int { return min(max(roudiMemory/size, 12), 1024) }

// IceoryxInstalled returns nil, or what a program needs.
func IceoryxInstalled(ctx context.Context, e *env.Environment, program env.Program) error {
	if _, err := proc.Find("iox-roudi", "iceoryx"); err != nil {
		return err
	}
	_, err := e.Compile(ctx, program)
	return err
}

// roudiSocket is the socket of RouDi, the daemon of iceoryx.
const roudiSocket = "/tmp/roudi"

// roudiFiles are the files that a killed RouDi leaves behind.
func roudiFiles() []string {
	files := []string{roudiSocket, "/tmp/roudi.lock", "/tmp/iox-unique-roudi.lock", "/dev/shm/iceoryx_mgmt"}
	if u, err := user.Current(); err == nil {
		if g, err := user.LookupGroupId(u.Gid); err == nil {
			files = append(files, "/dev/shm/"+filepath.Base(g.Name)) // the segment with the payloads has the name of the group
		}
	}
	return files
}

// Iceoryx runs a RouDi with a pair of processes, [env.Iceoryx] in one of the modes poll, block and stream, or [env.IceoryxTrips] in poll
// or block, at a rate or, for rate 0, as fast as possible. A machine can have only one RouDi: where one runs already, the error says so.
func Iceoryx(ctx context.Context, e *env.Environment, cpus proc.Affinity, program env.Program, mode string, size, rate int, d time.Duration) (figures.Figures, error) {
	path, err := e.Compile(ctx, program)
	if err != nil {
		return nil, err
	}
	for _, name := range roudiFiles() {
		if _, err := os.Lstat(name); err == nil {
			return nil, errors.New(name + " is there: another RouDi runs or was killed, and there can be only one")
		}
	}
	dir, remove, err := e.NewDir()
	if err != nil {
		return nil, err
	}
	defer remove()
	toml, chunk := filepath.Join(dir, "roudi.toml"), size
	if program.Name == env.IceoryxTrips.Name {
		chunk += callHeader
	}
	if err := os.WriteFile(toml, fmt.Appendf(nil, roudiConfig, chunk, roudiChunks(chunk)), 0o600); err != nil {
		return nil, err
	}
	roudi, err := proc.Start(ctx, dir, nil, "iox-roudi", "-c", toml, "-m", "off")
	if err != nil {
		return nil, err
	}
	defer func() {
		roudi.Stop()
		for _, name := range roudiFiles() { // none of them existed before
			os.Remove(name)
		}
	}()
	if err := roudi.WaitUntil(ctx, func() bool { _, err := os.Lstat(roudiSocket); return err == nil }); err != nil {
		return nil, err
	}
	out, err := proc.Run(ctx, dir, cpus.Env(), path, mode, strconv.Itoa(size), strconv.Itoa(rate), e.Milliseconds(d))
	if err != nil {
		return nil, err
	}
	return figures.Parse(out)
}
