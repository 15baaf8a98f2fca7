package plan

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/cyclone"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/iceoryx"
	"github.com/shmbus/shmbus/bench/internal/lab"
	"github.com/shmbus/shmbus/bench/internal/native"
	"github.com/shmbus/shmbus/bench/internal/nats"
	"github.com/shmbus/shmbus/bench/internal/place"
	"github.com/shmbus/shmbus/bench/internal/proc"
	"github.com/shmbus/shmbus/bench/internal/redis"
	"github.com/shmbus/shmbus/bench/internal/self"
	"github.com/shmbus/shmbus/bench/internal/ucx"
)

// A Cast is everybody who may take part.
type Cast struct {
	Lab      *lab.Lab
	Workshop *native.Workshop
	Shmperf  *self.Shmperf
	NATS     *nats.Pair
}

func (c *Cast) ours(name string, d time.Duration, args ...string) Runner {
	return c.oursAt(place.Anywhere, name, d, args...)
}

func (c *Cast) oursAt(where place.Place, name string, d time.Duration, args ...string) Runner {
	return Runner{Name: name, Installed: func(context.Context) error { return where.Possible() },
		Run: func(ctx context.Context) (figures.Figures, error) { return c.Shmperf.Run(ctx, where, d, args...) }}
}

// program is one of our C programs. Its arguments may name a directory, which is its own.
func (c *Cast) program(name string, p native.Program, args func(dir string) []string) Runner {
	return c.programAt(place.Anywhere, name, p, args)
}

func (c *Cast) programAt(where place.Place, name string, p native.Program, args func(dir string) []string) Runner {
	return Runner{
		Name: name,
		Installed: func(ctx context.Context) error {
			_, err := c.Workshop.Build(ctx, p)
			return cmp.Or(err, where.Possible())
		},
		Run: func(ctx context.Context) (figures.Figures, error) {
			path, err := c.Workshop.Build(ctx, p)
			if err != nil {
				return nil, err
			}
			dir, remove, err := c.Lab.Place()
			if err != nil {
				return nil, err
			}
			defer remove()
			out, err := proc.Run(ctx, dir, where.Env(), path, args(dir)...)
			if err != nil {
				return nil, err
			}
			return figures.Parse(out)
		},
	}
}

func (c *Cast) stdio(kind string, size, rate int, d time.Duration) Runner {
	return c.stdioAt(place.Anywhere, kind, size, rate, d)
}

func (c *Cast) stdioAt(where place.Place, kind string, size, rate int, d time.Duration) Runner {
	name := map[string]string{"pipe": "pipe", "unix": "unix socket", "tcp": "TCP loopback"}[kind]
	return c.programAt(where, name, native.Stream, func(string) []string {
		return []string{kind, strconv.Itoa(size), strconv.Itoa(rate), c.Lab.Milliseconds(d)}
	})
}

func (c *Cast) zeromq(size, rate int, d time.Duration) Runner {
	return c.program("ZeroMQ ipc", native.ZeroMQ, func(dir string) []string {
		return []string{"ipc://" + dir + "/zeromq", strconv.Itoa(size), strconv.Itoa(rate), c.Lab.Milliseconds(d)}
	})
}

func (c *Cast) ucx(name string, t ucx.Test) Runner {
	return Runner{Name: name, Installed: func(context.Context) error { return ucx.Installed() },
		Run: func(ctx context.Context) (figures.Figures, error) { return t.Run(ctx, c.Lab) }}
}

func (c *Cast) cyclone(name string, run func(context.Context) (figures.Figures, error)) Runner {
	return Runner{Name: name, Installed: func(context.Context) error { return cyclone.Installed() }, Run: run}
}

func (c *Cast) redis(rate int, d time.Duration) Runner {
	return Runner{Name: "Redis, unix socket", Installed: func(ctx context.Context) error { return redis.Installed(ctx, c.Workshop) },
		Run: func(ctx context.Context) (figures.Figures, error) {
			return redis.Run(ctx, c.Lab, c.Workshop, small, rate, d)
		}}
}

func (c *Cast) nats(rate int, d time.Duration) Runner {
	return Runner{Name: "NATS, embedded", Installed: c.NATS.Build,
		Run: func(ctx context.Context) (figures.Figures, error) { return c.NATS.Run(ctx, small, rate, d) }}
}

func (c *Cast) iceoryx(name, mode string, size, rate int, d time.Duration) Runner {
	return c.iceoryxAt(place.Anywhere, name, mode, size, rate, d)
}

func (c *Cast) iceoryxAt(where place.Place, name, mode string, size, rate int, d time.Duration) Runner {
	return Runner{Name: name, Installed: func(ctx context.Context) error { return iceoryx.Installed(ctx, c.Workshop) },
		Run: func(ctx context.Context) (figures.Figures, error) {
			return iceoryx.Run(ctx, c.Lab, c.Workshop, where, mode, size, rate, d)
		}}
}
