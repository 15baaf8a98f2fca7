package plan

import (
	"context"
	"strconv"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/peers"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// trips are round trips: calls of a service, and requests and responses of others.
func (p *Programs) trips() []Workload {
	return []Workload{
		p.tripPolled(),
		// On one processor a wait without options does not spin: it yields once before it sleeps.
		p.tripAsleep(proc.OneCPU, "default", "trip-one", "there and back, 64 B, 2000/s, waits without options, on one processor"),
		p.tripAsleep(proc.TwoCPUs, "block", "trip-two", "there and back, 64 B, 2000/s, both sides sleep, on two processors"),
		p.trip(),
	}
}

func (p *Programs) tripPolled() Workload {
	const us = "shmbus call"
	return Workload{Key: "trip-polled", Title: "there and back, 64 B, both sides look all the time",
		Ours: []Runner{p.ours(us, briefly, "call", "--size", "64", "--wait", "poll")},
		Peers: []Peer{
			{Key: "self", Runner: p.ours("shmbus, one way", briefly, "latency", "--size", "64", "--wait", "poll"),
				Against: []Comparison{{figures.P50, us, atMost(2.2, 2.2)}}},
			{Key: "ucx", Runner: p.ucx(peers.UCX{Name: "ucp_am_lat", Size: small, Count: 100_000, Warm: 10_000, Trip: true}),
				Against: []Comparison{{figures.P50, us, atMost(1, 1)}}},
			{Key: "iceoryx", Runner: p.iceoryxOf(proc.AnyCPU, "iceoryx request and response", env.IceoryxTrips, "poll", small, 0, briefly),
				Against: []Comparison{{figures.P50, us, nil}}},
		}}
}

func (p *Programs) tripAsleep(cpus proc.Affinity, wait, key, title string) Workload {
	const us = "shmbus call"
	against := func(bar *Bar) []Comparison { return []Comparison{{figures.P50, us, bar}, {figures.P99, us, nil}} }
	return Workload{Key: key, Title: title,
		Ours: []Runner{p.oursOn(cpus, us, longer, pacedCall(wait)...)},
		Peers: []Peer{
			{Key: "floor", Runner: p.ownTrips(cpus, "floor: two C processes in FUTEX_WAIT", "futex"), Against: against(atMost(1.3, 1.3))},
			{Key: "unix", Runner: p.ownTrips(cpus, "unix socket pair", "unix"), Against: against(atMost(1, 1))},
			{Key: "iceoryx", Runner: p.iceoryxOf(cpus, "iceoryx request and response, WaitSet", env.IceoryxTrips, "block", small, rate, longer),
				Against: against(atMost(1, 1))},
		}}
}

// trip lets the kernel choose the CPUs. Its peers have more than two processes or threads that work.
func (p *Programs) trip() Workload {
	const us = "shmbus call"
	against := []Comparison{{figures.P50, us, nil}, {figures.P99, us, nil}}
	return Workload{Key: "trip", Title: "there and back, 64 B, 2000/s, both sides sleep, on any processors",
		Ours: []Runner{p.ours(us, longer, pacedCall("block")...)},
		Peers: []Peer{
			{Key: "unix", Runner: p.ownTrips(proc.AnyCPU, "unix socket pair", "unix"), Against: against},
			{Key: "grpc", Runner: p.goTrips("gRPC, unix socket", p.GRPC), Against: against},
			{Key: "nats", Runner: p.goTrips("NATS request, embedded", p.NATS, "-requests"), Against: against},
			{Key: "zeromq", Runner: p.native("ZeroMQ REQ and REP, ipc", env.ZeroMQTrips, func(dir string) []string {
				return []string{"ipc://" + dir + "/zeromq", strconv.Itoa(small), strconv.Itoa(rate), p.Env.Milliseconds(longer)}
			}), Against: against},
			{Key: "redis", Runner: p.redisOf("Redis, two lists", env.RedisTrips, rate, longer), Against: against},
		}}
}

func pacedCall(wait string) []string {
	return []string{"call", "--size", strconv.Itoa(small), "--wait", wait, "--rate", strconv.Itoa(rate)}
}

func (p *Programs) ownTrips(cpus proc.Affinity, name, kind string) Runner {
	return p.nativeOn(cpus, name, env.Trips, func(string) []string {
		return []string{kind, strconv.Itoa(small), strconv.Itoa(rate), p.Env.Milliseconds(longer)}
	})
}

func (p *Programs) goTrips(name string, pair *peers.GoPair, flags ...string) Runner {
	return Runner{Name: name, Installed: func(ctx context.Context) error { return pair.Build(ctx) },
		Run: func(ctx context.Context) (figures.Figures, error) {
			return pair.Run(ctx, small, rate, longer, flags...)
		}}
}
