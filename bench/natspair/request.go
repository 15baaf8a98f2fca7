package main

import (
	"context"
	"os"

	"github.com/nats-io/nats.go"

	"github.com/shmbus/shmbus/bench/internal/trips"
)

// request makes requests from the process with the server.
func (o options) request(ctx context.Context, c *nats.Conn) error {
	t := trips.Options{Size: o.size, Rate: o.rate, Duration: o.duration}
	return t.Run(ctx, os.Stdout, func(b []byte) ([]byte, error) {
		m, err := c.RequestWithContext(ctx, data, b)
		if err != nil {
			return nil, err
		}
		return m.Data, nil
	})
}

// respond is the process without the server. It returns each request, until the other process ends it.
func respond(ctx context.Context, o options) error {
	c, err := nats.Connect(o.server)
	if err != nil {
		return err
	}
	defer c.Close()
	failed := make(chan error, 1)
	_, err = c.Subscribe(data, func(m *nats.Msg) {
		trips.Read(m.Data)
		if err := m.Respond(m.Data); err != nil {
			select {
			case failed <- err:
			default:
			}
		}
	})
	if err == nil {
		err = c.Flush()
	}
	if err == nil {
		err = c.Publish(ready, nil)
	}
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
