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

// blocked lets the kernel choose the CPUs, as in production. Its figures compare nothing: see [proc.Affinity].
func (p *Programs) blocked() Workload {
	const us = "shmbus"
	p50 := []Comparison{{figures.P50, us, nil}}
	both := []Comparison{{figures.P50, us, nil}, {figures.P99, us, nil}}
	sleeping := p.ucx(peers.UCX{Name: "tag_lat", Size: small, Count: 15_000, Warm: 500, Sleep: true})
	return Workload{Key: "blocked", Title: "one way, 64 B, 2000/s, the receiver sleeps, on any processors",
		Ours: []Runner{p.ours(us, longer, asleep("block", rate)...)},
		Peers: []Peer{
			{Key: "floor", Runner: p.futex(proc.AnyCPU), Against: both},
			{Key: "ucx", Runner: sleeping, Against: p50},
			{Key: "cyclone", Runner: p.cycloneLatency(small), Against: both},
			{Key: "zeromq", Runner: p.zeromq(small, rate, longer), Against: both},
			{Key: "redis", Runner: p.redis(rate, longer), Against: both},
			{Key: "nats", Runner: p.nats(rate, longer), Against: both},
		}}
}

// pinned is blocked with a fixed affinity.
func (p *Programs) pinned(cpus proc.Affinity, key, title string, bars []Comparison) Workload {
	const us = "shmbus"
	both := []Comparison{{figures.P50, us, nil}, {figures.P99, us, nil}}
	return Workload{Key: key, Title: title,
		Ours: []Runner{p.oursOn(cpus, us, longer, asleep("block", rate)...)},
		Peers: []Peer{
			{Key: "floor", Runner: p.thread(cpus, rate, longer), Against: bars},
			{Key: "floor", Runner: p.futex(cpus), Against: both},
			{Key: "floor", Runner: p.oursOn(cpus, "floor: goroutine in FUTEX_WAIT, Go on both sides", longer, "floor", "futex", "--rate", strconv.Itoa(rate)),
				Against: both},
			{Key: "iceoryx", Runner: p.iceoryxOn(cpus, "iceoryx WaitSet", "block", small, rate, longer), Against: both},
			{Key: "pipe", Runner: p.stdioOn(cpus, "pipe", small, rate, longer), Against: both},
			{Key: "unix", Runner: p.stdioOn(cpus, "unix", small, rate, longer), Against: both},
			{Key: "tcp", Runner: p.stdioOn(cpus, "tcp", small, rate, longer), Against: both},
		}}
}

// slow is a receiver that sleeps for most of the time, on two processors: with the default wait and with one that sleeps at once.
func (p *Programs) slow(hz int, d time.Duration) Workload {
	const us, once, cpus = "shmbus, default wait", "shmbus, sleeps at once", proc.TwoCPUs
	of := func(ours string, p50 *Bar) []Comparison {
		return []Comparison{{figures.P50, ours, p50}, {figures.P99, ours, nil}, {figures.CPU, ours, nil}}
	}
	n := strconv.Itoa(hz)
	return Workload{Key: "blocked-" + n, Title: "one way, 64 B, " + n + "/s, the receiver sleeps, on two processors",
		Ours: []Runner{p.oursOn(cpus, us, d, asleep("default", hz)...)},
		Peers: []Peer{
			{Key: "floor", Runner: p.thread(cpus, hz, d), Against: of(us, nil)},
			{Key: "self", Runner: p.oursOn(cpus, once, d, asleep("block", hz)...), Against: of(us, atMost(1.2, 1.2))},
		}}
}

func asleep(wait string, hz int) []string {
	return []string{"latency", "--size", strconv.Itoa(small), "--wait", wait, "--rate", strconv.Itoa(hz)}
}

func (p *Programs) futex(cpus proc.Affinity) Runner {
	return p.nativeOn(cpus, "floor: C thread in FUTEX_WAIT, C on both sides", env.Futex, func(string) []string {
		return []string{strconv.Itoa(rate), p.Env.Milliseconds(longer)}
	})
}

// thread is a thread of C as the receiver of shmperf's floor. Its publisher measures the time and sleeps as that of shmbus does.
func (p *Programs) thread(cpus proc.Affinity, hz int, d time.Duration) Runner {
	const name = "floor: C thread in FUTEX_WAIT, the same publisher"
	return Runner{
		Name: name,
		Installed: func(ctx context.Context) error {
			_, err := p.Env.Compile(ctx, env.Receiver)
			return cmp.Or(err, cpus.Possible())
		},
		Run: func(ctx context.Context) (figures.Figures, error) {
			path, err := p.Env.Compile(ctx, env.Receiver)
			if err != nil {
				return nil, err
			}
			return p.Shmperf.Run(ctx, cpus, d, "floor", "futex", "--rate", strconv.Itoa(hz), "--receiver", path)
		},
	}
}
