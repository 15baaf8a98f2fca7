// Package peers runs the programs that are compared, and reads what they print: shmperf, which measures shmbus, and programs that
// measure other transports.
package peers

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// Shmperf is the compiled program.
type Shmperf struct {
	env  *env.Environment
	path string
}

// BuildShmperf compiles shmperf as it is in the module that is compared.
func BuildShmperf(ctx context.Context, e *env.Environment) (*Shmperf, error) {
	path, err := e.BuildGo(ctx, e.Module, "cmd/shmperf")
	return &Shmperf{env: e, path: path}, err
}

// Run runs a command of shmperf for a while, with its two processes on the given CPUs.
func (s *Shmperf) Run(ctx context.Context, cpus proc.Affinity, d time.Duration, args ...string) (figures.Figures, error) {
	dir, remove, err := s.env.NewDir()
	if err != nil {
		return nil, err
	}
	defer remove()
	args = append(args[:len(args):len(args)], "--duration", s.env.Duration(d).String(), "--dir", dir, "--json")
	name, args, err := cpus.Command(s.path, args...)
	if err != nil {
		return nil, err
	}
	p, err := proc.Start(ctx, dir, nil, name, args...)
	if err != nil {
		return nil, err
	}
	if err := cpus.Pin(ctx, p); err != nil {
		p.Stop()
		return nil, err
	}
	out, err := p.Wait()
	if err != nil {
		return nil, err
	}
	return figures.Parse(out)
}
