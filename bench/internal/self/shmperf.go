package self

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/lab"
	"github.com/shmbus/shmbus/bench/internal/place"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// Shmperf is the program, built.
type Shmperf struct {
	lab  *lab.Lab
	path string
}

// Build builds shmperf as it is in the module that is compared.
func Build(ctx context.Context, l *lab.Lab) (*Shmperf, error) {
	path, err := l.Build(ctx, l.Root, "cmd/shmperf")
	return &Shmperf{lab: l, path: path}, err
}

// Run runs a command of it that measures for a while, with its two processes at their places.
func (s *Shmperf) Run(ctx context.Context, where place.Place, d time.Duration, args ...string) (figures.Figures, error) {
	dir, remove, err := s.lab.Place()
	if err != nil {
		return nil, err
	}
	defer remove()
	args = append(args[:len(args):len(args)], "--duration", s.lab.For(d).String(), "--dir", dir, "--json")
	name, args, err := where.Command(s.path, args...)
	if err != nil {
		return nil, err
	}
	p, err := proc.Start(ctx, dir, nil, name, args...)
	if err != nil {
		return nil, err
	}
	if err := where.Pin(ctx, p); err != nil {
		p.Stop()
		return nil, err
	}
	out, err := p.Wait()
	if err != nil {
		return nil, err
	}
	return figures.Parse(out)
}
