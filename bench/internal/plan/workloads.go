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

const (
	small = 64
	large = 1 << 20
	// rate is the messages per second of a receiver that should sleep when one arrives.
	rate = 2000

	briefly = 700 * time.Millisecond  // for continuous runs
	longer  = 1500 * time.Millisecond // for runs at a rate
)

// Workloads are all workloads.
func (p *Programs) Workloads() []Workload {
	return []Workload{
		p.polled(),
		p.pinned(proc.OneCPU, "blocked-one", "one way, 64 B, 2000/s, the receiver sleeps, on one processor"),
		p.pinned(proc.TwoCPUs, "blocked-two", "one way, 64 B, 2000/s, the receiver sleeps, on two processors"),
		p.blocked(),
		p.stream(), p.large(), p.loan(), p.fanout(), p.lastValue(1), p.lastValue(4),
	}
}

func (p *Programs) polled() Workload {
	const us = "shmbus"
	return Workload{Key: "polled", Title: "one way, 64 B, the receiver looks all the time",
		Ours: []Runner{p.ours(us, briefly, "latency", "--size", "64", "--wait", "poll")},
		Peers: []Peer{
			{Key: "floor", Runner: p.native("floor: C, one cache line", env.Spin, func(string) []string { return []string{p.Env.Milliseconds(briefly)} }),
				Against: []Comparison{{figures.P50, us, atMost(1.6)}}},
			{Key: "ucx", Runner: p.ucx("UCX tag_lat", peers.UCX{Name: "tag_lat", Size: small, Count: 400_000, Warm: 10_000}),
				Against: []Comparison{{figures.P50, us, atMost(0.65)}}},
			{Key: "iceoryx", Runner: p.iceoryx("iceoryx", "poll", small, 0, briefly), Against: []Comparison{{figures.P50, us, nil}}},
		}}
}

// blocked lets the kernel choose the CPUs, as in production. Its figures compare nothing: see [proc.Affinity].
func (p *Programs) blocked() Workload {
	const us = "shmbus"
	p50 := []Comparison{{figures.P50, us, nil}}
	both := []Comparison{{figures.P50, us, nil}, {figures.P99, us, nil}}
	return Workload{Key: "blocked", Title: "one way, 64 B, 2000/s, the receiver sleeps, on any processors",
		Ours: []Runner{p.ours(us, longer, asleep()...)},
		Peers: []Peer{
			{Key: "floor", Runner: p.futex(proc.AnyCPU), Against: both},
			{Key: "ucx", Runner: p.ucx("UCX tag_lat -E sleep", peers.UCX{Name: "tag_lat", Size: small, Count: 15_000, Warm: 500, Sleep: true}), Against: p50},
			{Key: "cyclone", Runner: p.cycloneLatency(small), Against: both},
			{Key: "zeromq", Runner: p.zeromq(small, rate, longer), Against: both},
			{Key: "redis", Runner: p.redis(rate, longer), Against: both},
			{Key: "nats", Runner: p.nats(rate, longer), Against: both},
		}}
}

// pinned is blocked with a fixed affinity.
func (p *Programs) pinned(cpus proc.Affinity, key, title string) Workload {
	const us = "shmbus"
	both := []Comparison{{figures.P50, us, nil}, {figures.P99, us, nil}}
	return Workload{Key: key, Title: title,
		Ours: []Runner{p.oursOn(cpus, us, longer, asleep()...)},
		Peers: []Peer{
			{Key: "floor", Runner: p.thread(cpus), Against: []Comparison{{figures.P50, us, atMost(1.3)}, {figures.P99, us, atMost(1.5)}}},
			{Key: "floor", Runner: p.futex(cpus), Against: both},
			{Key: "floor", Runner: p.oursOn(cpus, "floor: goroutine in FUTEX_WAIT, Go on both sides", longer, "floor", "futex", "--rate", strconv.Itoa(rate)),
				Against: both},
			{Key: "iceoryx", Runner: p.iceoryxOn(cpus, "iceoryx WaitSet", "block", small, rate, longer), Against: both},
			{Key: "pipe", Runner: p.stdioOn(cpus, "pipe", small, rate, longer), Against: both},
			{Key: "unix", Runner: p.stdioOn(cpus, "unix", small, rate, longer), Against: both},
			{Key: "tcp", Runner: p.stdioOn(cpus, "tcp", small, rate, longer), Against: both},
		}}
}

func asleep() []string {
	return []string{"latency", "--size", strconv.Itoa(small), "--wait", "block", "--rate", strconv.Itoa(rate)}
}

func (p *Programs) futex(cpus proc.Affinity) Runner {
	return p.nativeOn(cpus, "floor: C thread in FUTEX_WAIT, C on both sides", env.Futex, func(string) []string {
		return []string{strconv.Itoa(rate), p.Env.Milliseconds(longer)}
	})
}

// thread is a thread of C as the receiver of shmperf's floor. Its publisher measures the time and sleeps as that of shmbus does.
func (p *Programs) thread(cpus proc.Affinity) Runner {
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
			return p.Shmperf.Run(ctx, cpus, longer, "floor", "futex", "--rate", strconv.Itoa(rate), "--receiver", path)
		},
	}
}

func (p *Programs) stream() Workload {
	const one, batch = "shmbus, one at a time", "shmbus, batches of 32"
	msgs := []Comparison{{figures.Msgs, one, nil}}
	return Workload{Key: "stream", Title: "64 B, as fast as it goes, nothing lost",
		Ours: []Runner{
			p.ours(one, briefly, "stream", "--size", "64"),
			p.ours(batch, briefly, "stream", "--size", "64", "--batch", "32"),
		},
		Peers: []Peer{
			{Key: "ucx", Runner: p.ucx("UCX tag_bw", peers.UCX{Name: "tag_bw", Size: small, Count: 4_000_000, Warm: 100_000}),
				Against: []Comparison{{figures.Msgs, one, atLeast(1)}, {figures.Msgs, batch, atLeast(1.35)}}},
			{Key: "iceoryx", Runner: p.iceoryx("iceoryx", "stream", small, 0, briefly), Against: msgs},
			{Key: "zeromq", Runner: p.zeromq(small, 0, briefly), Against: []Comparison{{figures.Msgs, one, nil}, {figures.Msgs, batch, nil}}},
			{Key: "pipe", Runner: p.stdio("pipe", small, 0, briefly), Against: msgs},
			{Key: "unix", Runner: p.stdio("unix", small, 0, briefly), Against: msgs},
			{Key: "tcp", Runner: p.stdio("tcp", small, 0, briefly), Against: msgs},
			{Key: "cyclone", Runner: p.cycloneRate(small), Against: msgs},
			{Key: "redis", Runner: p.redis(0, briefly), Against: []Comparison{{figures.Msgs, one, nil}, {figures.Msgs, batch, nil}}},
			{Key: "nats", Runner: p.nats(0, briefly), Against: []Comparison{{figures.Msgs, one, nil}, {figures.Msgs, batch, nil}}},
		}}
}

func (p *Programs) large() Workload {
	const copied, read, inPlace = "shmbus, copied in, copied out", "shmbus, copied in and out, and the copy read", "shmbus, written and read in place"
	size := strconv.Itoa(large)
	both := []Comparison{{figures.Bytes, copied, nil}, {figures.Bytes, inPlace, nil}}
	copies := both[:1]
	return Workload{Key: "large", Title: "1 MiB, as fast as it goes, nothing lost",
		Ours: []Runner{
			p.ours(copied, briefly, "stream", "--size", size, "--copy-out", "--touch", "one"),
			p.ours(inPlace, briefly, "stream", "--size", size, "--loan"),
			p.ours(read, briefly, "stream", "--size", size, "--copy-out"),
		},
		Peers: []Peer{
			{Key: "ucx", Runner: p.ucx("UCX tag_bw", peers.UCX{Name: "tag_bw", Size: large, Count: 6000, Warm: 200}),
				Against: []Comparison{{figures.Bytes, copied, atLeast(1)}, {figures.Bytes, inPlace, atLeast(1.5)}, {figures.Bytes, read, nil}}},
			{Key: "floor", Runner: p.native("floor: memcpy, one process", env.Memcpy, func(string) []string {
				return []string{size, p.Env.Milliseconds(briefly)}
			}), Against: both},
			{Key: "iceoryx", Runner: p.iceoryx("iceoryx, written and read in place", "stream", large, 0, briefly), Against: both[1:]},
			{Key: "zeromq", Runner: p.zeromq(large, 0, briefly), Against: copies},
			{Key: "pipe", Runner: p.stdio("pipe", large, 0, briefly), Against: copies},
			{Key: "unix", Runner: p.stdio("unix", large, 0, briefly), Against: copies},
			{Key: "tcp", Runner: p.stdio("tcp", large, 0, briefly), Against: copies},
			{Key: "cyclone", Runner: p.cycloneRate(large), Against: copies},
		}}
}

func (p *Programs) loan() Workload {
	const us = "shmbus, 8 MiB"
	args := []string{"latency", "--wait", "poll", "--loan", "--touch", "one", "--size"}
	return Workload{Key: "loan", Title: "a loan, one byte written and read",
		Ours: []Runner{p.ours(us, briefly, append(args[:len(args):len(args)], strconv.Itoa(8<<20))...)},
		Peers: []Peer{{Key: "self", Runner: p.ours("shmbus, 64 B", briefly, append(args[:len(args):len(args)], "64")...),
			Against: []Comparison{{figures.P50, us, atMost(1.1)}, {figures.Total, us, nil}}}}}
}

func (p *Programs) fanout() Workload {
	const us = "shmbus, 16 subscribers"
	return Workload{Key: "fanout", Title: "cost of Publish, 64 B, no sleeping reader",
		Ours: []Runner{p.ours(us, briefly, "fanout", "--wait", "none", "--subscribers", "16")},
		Peers: []Peer{{Key: "self", Runner: p.ours("shmbus, 1 subscriber", briefly, "fanout", "--wait", "none", "--subscribers", "1"),
			Against: []Comparison{{figures.Publish, us, atMost(1.5)}, {figures.Msgs, us, nil}}}}}
}

func (p *Programs) lastValue(readers int) Workload {
	const us = "shmbus"
	n := strconv.Itoa(readers)
	of := map[bool]string{true: "1 reader", false: n + " readers"}[readers == 1]
	return Workload{Key: "last-value-" + n, Title: "last value, 100 B, one writer and " + of,
		Ours: []Runner{p.ours(us, briefly, "lastvalue", "--readers", n)},
		Peers: []Peer{{Key: "lmdb", Runner: p.native("LMDB", env.LMDB, func(dir string) []string {
			return []string{dir, n, p.Env.Milliseconds(briefly)}
		}), Against: []Comparison{{figures.Reads, us, atLeast(1.3)}, {figures.Updates, us, atLeast(5)}}}}}
}
