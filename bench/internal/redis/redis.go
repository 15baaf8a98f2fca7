package redis

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/lab"
	"github.com/shmbus/shmbus/bench/internal/missing"
	"github.com/shmbus/shmbus/bench/internal/native"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// Installed returns nil, or what is missing.
func Installed(ctx context.Context, w *native.Workshop) error {
	if _, err := missing.Program("redis-server", "redis-server"); err != nil {
		return err
	}
	_, err := w.Build(ctx, native.Redis)
	return err
}

// Run measures delays at a rate, or messages per second for rate 0.
func Run(ctx context.Context, l *lab.Lab, w *native.Workshop, size, rate int, d time.Duration) (figures.Figures, error) {
	client, err := w.Build(ctx, native.Redis)
	if err != nil {
		return nil, err
	}
	dir, remove, err := l.Place()
	if err != nil {
		return nil, err
	}
	defer remove()
	socket := filepath.Join(dir, "redis")
	server, err := proc.Start(ctx, dir, nil, "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no",
		"--client-output-buffer-limit", "pubsub 0 0 0")
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	if err := server.WaitUntil(ctx, func() bool { return listens(socket) }); err != nil {
		return nil, err
	}
	out, err := proc.Run(ctx, dir, nil, client, socket, strconv.Itoa(size), strconv.Itoa(rate), l.Milliseconds(d))
	if err != nil {
		return nil, err
	}
	return figures.Parse(out)
}

func listens(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
