package plan

import (
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
	all := []Workload{
		p.calls(), p.polled(),
		p.pinned(proc.OneCPU, "blocked-one", "one way, 64 B, 2000/s, the receiver sleeps, on one processor", []Comparison{
			{figures.P50, "shmbus", atMost(1.5, 1.5)}, {figures.P99, "shmbus", nil},
		}),
		p.pinned(proc.TwoCPUs, "blocked-two", "one way, 64 B, 2000/s, the receiver sleeps, on two processors", []Comparison{
			{figures.P50, "shmbus", atMost(1.2, 1.2)}, {figures.P99, "shmbus", atMost(1.5, 1.5)},
		}),
		p.blocked(), p.slow(10, 3*time.Second), p.slow(100, longer), p.slow(1000, longer),
		p.stream(),
	}
	all = append(all, p.trips()...)
	for _, s := range sizes() {
		all = append(all, p.streamOf(s), p.polledOf(s))
	}
	return append(all, p.large(), p.loan(), p.fanout(), p.lastValue(1), p.lastValue(4))
}

// Calls is the key of the workload that needs Programs.OneThread.
const Calls = "calls"

// calls are the calls of one goroutine. Their bars are in nanoseconds.
func (p *Programs) calls() Workload {
	const us = "shmbus"
	return Workload{Key: Calls, Title: "the calls of one goroutine, 64 B, the clock read",
		Ours: []Runner{{Name: us, Run: func(ctx context.Context) (figures.Figures, error) { return p.OneThread.Run(ctx, moment/3) }}},
		Alone: []Comparison{
			{figures.OnePublish, us, atMost(35, 0)}, {figures.OneEmpty, us, atMost(10, 0)}, {figures.OnePair, us, atMost(70, 0)},
			{figures.OneLatest, us, nil},
		}}
}

func (p *Programs) polled() Workload {
	const us = "shmbus"
	return Workload{Key: "polled", Title: "one way, 64 B, the receiver looks all the time",
		Ours: []Runner{p.ours(us, briefly, "latency", "--size", "64", "--wait", "poll")},
		Peers: []Peer{
			{Key: "floor", Runner: p.native("floor: C, one cache line", env.Spin, func(string) []string { return []string{p.Env.Milliseconds(briefly)} }),
				Against: []Comparison{{figures.P50, us, nil}}},
			{Key: "ucx", Runner: p.ucx(peers.UCX{Name: "tag_lat", Size: small, Count: 100_000, Warm: 10_000}),
				Against: []Comparison{{figures.P50, us, atMost(0.85, 0.75)}}},
			{Key: "ucx", Runner: p.ucx(peers.UCX{Name: "ucp_am_lat", Size: small, Count: 100_000, Warm: 10_000}),
				Against: []Comparison{{figures.P50, us, atMost(0.85, 0.75)}}},
			{Key: "iceoryx", Runner: p.iceoryx("iceoryx", "poll", small, 0, briefly), Against: []Comparison{{figures.P50, us, nil}}},
		}}
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
			{Key: "ucx", Runner: p.ucx(peers.UCX{Name: "tag_bw", Size: small, Count: 2_000_000, Warm: 100_000}),
				Against: []Comparison{{figures.Msgs, one, atLeast(1, 1.5)}, {figures.Msgs, batch, atLeast(1.35, 2.5)}}},
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

// large are payloads that the receiver copies out. Those that it reads in place are the streams of sizes.
func (p *Programs) large() Workload {
	const copied, read = "shmbus, copied in, copied out", "shmbus, copied in and out, and the copy read"
	size := strconv.Itoa(large)
	copies := []Comparison{{figures.Bytes, copied, nil}}
	return Workload{Key: "large", Title: "1 MiB, as fast as it goes, nothing lost, copied out",
		Ours: []Runner{
			p.ours(copied, briefly, "stream", "--size", size, "--copy-out", "--touch", "one"),
			p.ours(read, briefly, "stream", "--size", size, "--copy-out"),
		},
		Peers: []Peer{
			{Key: "ucx", Runner: p.ucx(peers.UCX{Name: "tag_bw", Size: large, Count: 2000, Warm: 100}),
				Against: []Comparison{{figures.Bytes, copied, atLeast(1, 1)}, {figures.Bytes, read, nil}}},
			{Key: "floor", Runner: p.native("floor: memcpy, one process", env.Memcpy, func(string) []string {
				return []string{size, p.Env.Milliseconds(briefly)}
			}), Against: copies},
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
			Against: []Comparison{{figures.P50, us, atMost(1.1, 1.1)}, {figures.Total, us, nil}}}}}
}

func (p *Programs) fanout() Workload {
	const us = "shmbus, 16 subscribers"
	return Workload{Key: "fanout", Title: "cost of Publish, 64 B, no sleeping reader",
		Ours: []Runner{p.ours(us, briefly, "fanout", "--wait", "none", "--subscribers", "16")},
		Peers: []Peer{{Key: "self", Runner: p.ours("shmbus, 1 subscriber", briefly, "fanout", "--wait", "none", "--subscribers", "1"),
			Against: []Comparison{{figures.Publish, us, atMost(1.5, 1.5)}, {figures.Msgs, us, nil}}}}}
}

func (p *Programs) lastValue(readers int) Workload {
	const us = "shmbus"
	n := strconv.Itoa(readers)
	of := map[bool]string{true: "1 reader", false: n + " readers"}[readers == 1]
	return Workload{Key: "last-value-" + n, Title: "last value, 100 B, one writer and " + of,
		Ours: []Runner{p.ours(us, briefly, "lastvalue", "--readers", n)},
		Peers: []Peer{{Key: "lmdb", Runner: p.native("LMDB", env.LMDB, func(dir string) []string {
			return []string{dir, n, p.Env.Milliseconds(briefly)}
		}), Against: []Comparison{{figures.Reads, us, atLeast(1.3, 1)}, {figures.Updates, us, atLeast(5, 5)}}}}}
}
