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

// RedisInstalled returns nil, or what a client program needs.
func RedisInstalled(ctx context.Context, e *env.Environment, program env.Program) error {
	if _, err := proc.Find("redis-server", "redis-server"); err != nil {
		return err
	}
	_, err := e.Compile(ctx, program)
	return err
}

// Redis runs a Redis server without persistence at a Unix socket, and a pair of clients: [env.Redis], of which one publishes and one
// subscribes, or [env.RedisTrips], which makes round trips. Rate 0 is as fast as it goes.
func Redis(ctx context.Context, e *env.Environment, program env.Program, size, rate int, d time.Duration) (figures.Figures, error) {
	client, err := e.Compile(ctx, program)
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
