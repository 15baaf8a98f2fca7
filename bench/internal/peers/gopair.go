package peers

import (
	"context"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// A GoPair is a program of this module that measures a Go library between two processes, of which it starts the second itself. It is
// compiled when it is first needed.
type GoPair struct {
	env  *env.Environment
	dir  string
	path string
}

// NewNATS returns natspair: an embedded NATS server with a client in its process, and a client in another process.
func NewNATS(e *env.Environment) *GoPair { return &GoPair{env: e, dir: "natspair"} }

// NewGRPC returns grpcpair: a server and a client of gRPC at a unix socket.
func NewGRPC(e *env.Environment) *GoPair { return &GoPair{env: e, dir: "grpcpair"} }

// Build compiles the program.
func (g *GoPair) Build(ctx context.Context) (err error) {
	if g.path == "" {
		g.path, err = g.env.BuildGo(ctx, g.env.Bench, g.dir)
	}
	return err
}

// Run measures at a rate, or for rate 0 as fast as it goes, in an empty directory.
func (g *GoPair) Run(ctx context.Context, size, rate int, d time.Duration, flags ...string) (figures.Figures, error) {
	if err := g.Build(ctx); err != nil {
		return nil, err
	}
	dir, remove, err := g.env.NewDir()
	if err != nil {
		return nil, err
	}
	defer remove()
	args := append([]string{"-size", strconv.Itoa(size), "-rate", strconv.Itoa(rate), "-duration", g.env.Duration(d).String()}, flags...)
	out, err := proc.Run(ctx, dir, nil, g.path, args...)
	if err != nil {
		return nil, err
	}
	return figures.Parse(out)
}
