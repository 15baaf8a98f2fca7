package plan

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/peers"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// Programs are the programs that the workloads run.
type Programs struct {
	Env       *env.Environment
	Shmperf   *peers.Shmperf
	NATS      *peers.GoPair
	GRPC      *peers.GoPair
	OneThread *peers.OneThread
}

// probeTime is the length of a probe.
const probeTime = 50 * time.Millisecond

// Probe is a [Probe]: one cache line, on two processors.
func (p *Programs) Probe(ctx context.Context) (Probed, error) {
	f, err := p.nativeOn(proc.TwoCPUs, "probe", env.Spin, func(string) []string { return []string{p.Env.Milliseconds(probeTime)} }).Run(ctx)
	return Probed{Spin: f[figures.P50], Undisturbed: f[figures.Undisturbed]}, err
}

func (p *Programs) ours(name string, d time.Duration, args ...string) Runner {
	return p.oursOn(proc.AnyCPU, name, d, args...)
}

func (p *Programs) oursOn(cpus proc.Affinity, name string, d time.Duration, args ...string) Runner {
	return Runner{Name: name, Installed: func(context.Context) error { return cpus.Possible() },
		Run: func(ctx context.Context) (figures.Figures, error) { return p.Shmperf.Run(ctx, cpus, d, args...) }}
}

// native runs a program of this module in C. Its arguments may contain a directory, which is removed after the run.
func (p *Programs) native(name string, program env.Program, args func(dir string) []string) Runner {
	return p.nativeOn(proc.AnyCPU, name, program, args)
}

func (p *Programs) nativeOn(cpus proc.Affinity, name string, program env.Program, args func(dir string) []string) Runner {
	return Runner{
		Name: name,
		Installed: func(ctx context.Context) error {
			_, err := p.Env.Compile(ctx, program)
			return cmp.Or(err, cpus.Possible())
		},
		Run: func(ctx context.Context) (figures.Figures, error) {
			path, err := p.Env.Compile(ctx, program)
			if err != nil {
				return nil, err
			}
			dir, remove, err := p.Env.NewDir()
			if err != nil {
				return nil, err
			}
			defer remove()
			out, err := proc.Run(ctx, dir, cpus.Env(), path, args(dir)...)
			if err != nil {
				return nil, err
			}
			return figures.Parse(out)
		},
	}
}

func (p *Programs) stdio(kind string, size, rate int, d time.Duration) Runner {
	return p.stdioOn(proc.AnyCPU, kind, size, rate, d)
}

func (p *Programs) stdioOn(cpus proc.Affinity, kind string, size, rate int, d time.Duration) Runner {
	name := map[string]string{"pipe": "pipe", "unix": "unix socket", "tcp": "TCP loopback"}[kind]
	return p.nativeOn(cpus, name, env.Stream, func(string) []string {
		return []string{kind, strconv.Itoa(size), strconv.Itoa(rate), p.Env.Milliseconds(d)}
	})
}

func (p *Programs) zeromq(size, rate int, d time.Duration) Runner {
	return p.native("ZeroMQ ipc", env.ZeroMQ, func(dir string) []string {
		return []string{"ipc://" + dir + "/zeromq", strconv.Itoa(size), strconv.Itoa(rate), p.Env.Milliseconds(d)}
	})
}

func (p *Programs) ucx(t peers.UCX) Runner {
	name := "UCX " + t.Name + " " + peers.UCXTransports
	if t.Sleep {
		name += " -E sleep"
	}
	return Runner{Name: name, Installed: func(context.Context) error { return t.Installed() },
		Run: func(ctx context.Context) (figures.Figures, error) { return t.Run(ctx, p.Env) }}
}

func (p *Programs) cycloneLatency(size int) Runner {
	return p.cyclone(func(ctx context.Context) (figures.Figures, error) {
		return peers.CycloneLatency(ctx, p.Env, size, rate)
	})
}

func (p *Programs) cycloneRate(size int) Runner {
	return p.cyclone(func(ctx context.Context) (figures.Figures, error) { return peers.CycloneRate(ctx, p.Env, size) })
}

func (p *Programs) cyclone(run func(context.Context) (figures.Figures, error)) Runner {
	return Runner{Name: "Cyclone DDS, loopback", Installed: func(context.Context) error { return peers.CycloneInstalled() }, Run: run}
}

func (p *Programs) redis(rate int, d time.Duration) Runner {
	return p.redisOf("Redis, unix socket", env.Redis, rate, d)
}

func (p *Programs) redisOf(name string, program env.Program, rate int, d time.Duration) Runner {
	return Runner{Name: name, Installed: func(ctx context.Context) error { return peers.RedisInstalled(ctx, p.Env, program) },
		Run: func(ctx context.Context) (figures.Figures, error) {
			return peers.Redis(ctx, p.Env, program, small, rate, d)
		}}
}

func (p *Programs) nats(rate int, d time.Duration) Runner {
	return Runner{Name: "NATS, embedded", Installed: p.NATS.Build,
		Run: func(ctx context.Context) (figures.Figures, error) { return p.NATS.Run(ctx, small, rate, d) }}
}

func (p *Programs) iceoryx(name, mode string, size, rate int, d time.Duration) Runner {
	return p.iceoryxOn(proc.AnyCPU, name, mode, size, rate, d)
}

func (p *Programs) iceoryxOn(cpus proc.Affinity, name, mode string, size, rate int, d time.Duration) Runner {
	return p.iceoryxOf(cpus, name, env.Iceoryx, mode, size, rate, d)
}

func (p *Programs) iceoryxOf(cpus proc.Affinity, name string, program env.Program, mode string, size, rate int, d time.Duration) Runner {
	return Runner{Name: name, Installed: func(ctx context.Context) error { return peers.IceoryxInstalled(ctx, p.Env, program) },
		Run: func(ctx context.Context) (figures.Figures, error) {
			return peers.Iceoryx(ctx, p.Env, cpus, program, mode, size, rate, d)
		}}
}
