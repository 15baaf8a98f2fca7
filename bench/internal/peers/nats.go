package peers

import (
	"context"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// NATS is natspair, compiled when it is first needed: an embedded NATS server with a publisher in its process, and a subscriber in
// another process.
type NATS struct {
	env  *env.Environment
	path string
}

// NewNATS returns natspair, which is not compiled yet.
func NewNATS(e *env.Environment) *NATS { return &NATS{env: e} }

// Build compiles natspair.
func (n *NATS) Build(ctx context.Context) (err error) {
	if n.path == "" {
		n.path, err = n.env.BuildGo(ctx, n.env.Bench, "natspair")
	}
	return err
}

// Run measures delays at a rate, or messages per second for rate 0.
func (n *NATS) Run(ctx context.Context, size, rate int, d time.Duration) (figures.Figures, error) {
	if err := n.Build(ctx); err != nil {
		return nil, err
	}
	out, err := proc.Run(ctx, n.env.Dir, nil, n.path, "-size", strconv.Itoa(size), "-rate", strconv.Itoa(rate),
		"-duration", n.env.Duration(d).String())
	if err != nil {
		return nil, err
	}
	return figures.Parse(out)
}
