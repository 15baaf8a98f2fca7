package nats

import (
	"context"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/lab"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// A Pair is natspair, built when it is first needed.
type Pair struct {
	lab  *lab.Lab
	path string
}

// New returns one that is not built yet.
func New(l *lab.Lab) *Pair { return &Pair{lab: l} }

// Build builds it.
func (p *Pair) Build(ctx context.Context) (err error) {
	if p.path == "" {
		p.path, err = p.lab.Build(ctx, p.lab.Here, "natspair")
	}
	return err
}

// Run measures delays at a rate, or messages per second for rate 0.
func (p *Pair) Run(ctx context.Context, size, rate int, d time.Duration) (figures.Figures, error) {
	if err := p.Build(ctx); err != nil {
		return nil, err
	}
	out, err := proc.Run(ctx, p.lab.Dir, nil, p.path, "-size", strconv.Itoa(size), "-rate", strconv.Itoa(rate),
		"-duration", p.lab.For(d).String())
	if err != nil {
		return nil, err
	}
	return figures.Parse(out)
}
