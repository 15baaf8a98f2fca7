package peers

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// RedisInstalled returns nil, or what is missing.
func RedisInstalled(ctx context.Context, e *env.Environment) error {
	if _, err := proc.Find("redis-server", "redis-server"); err != nil {
		return err
	}
	_, err := e.Compile(ctx, env.Redis)
	return err
}

// Redis runs a Redis server without persistence at a Unix socket, with a publisher and a subscriber. It measures delays at a rate, or
// messages per second for rate 0.
func Redis(ctx context.Context, e *env.Environment, size, rate int, d time.Duration) (figures.Figures, error) {
	client, err := e.Compile(ctx, env.Redis)
	if err != nil {
		return nil, err
	}
	dir, remove, err := e.NewDir()
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
	out, err := proc.Run(ctx, dir, nil, client, socket, strconv.Itoa(size), strconv.Itoa(rate), e.Milliseconds(d))
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
