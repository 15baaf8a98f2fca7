package plan

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/cyclone"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/native"
	"github.com/shmbus/shmbus/bench/internal/place"
	"github.com/shmbus/shmbus/bench/internal/ucx"
)

const (
	small = 64
	large = 1 << 20
	// rate is how many messages per second a receiver gets that is to be asleep when one comes.
	rate = 2000

	briefly = 700 * time.Millisecond  // for what happens all the time
	longer  = 1500 * time.Millisecond // for what happens at a rate
)

// Workloads are all that there are.
func (c *Cast) Workloads() []Workload {
	return []Workload{
		c.polled(),
		c.placed(place.Together, "blocked-one", "one way, 64 B, 2000/s, the receiver sleeps, on one processor"),
		c.placed(place.Apart, "blocked-two", "one way, 64 B, 2000/s, the receiver sleeps, on two processors"),
		c.blocked(),
		c.stream(), c.large(), c.loan(), c.fanout(), c.lastValue(1), c.lastValue(4),
	}
}

func (c *Cast) polled() Workload {
	const us = "shmbus"
	return Workload{Key: "polled", Title: "one way, 64 B, the receiver looks all the time",
		Ours: []Runner{c.ours(us, briefly, "latency", "--size", "64", "--wait", "poll")},
		Peers: []Peer{
			{Key: "floor", Runner: c.program("floor: C, one cache line", native.Spin, func(string) []string { return []string{c.Lab.Milliseconds(briefly)} }),
				Against: []Comparison{{figures.P50, us, atMost(1.6)}}},
			{Key: "ucx", Runner: c.ucx("UCX tag_lat", ucx.Test{Name: "tag_lat", Size: small, Count: 400_000, Warm: 10_000}),
				Against: []Comparison{{figures.P50, us, atMost(0.65)}}},
			{Key: "iceoryx", Runner: c.iceoryx("iceoryx", "poll", small, 0, briefly), Against: []Comparison{{figures.P50, us, nil}}},
		}}
}

// blocked leaves it to the kernel who runs where, which is what a user gets, and no measure of anybody: see [place].
func (c *Cast) blocked() Workload {
	const us = "shmbus"
	p50 := []Comparison{{figures.P50, us, nil}}
	both := []Comparison{{figures.P50, us, nil}, {figures.P99, us, nil}}
	return Workload{Key: "blocked", Title: "one way, 64 B, 2000/s, the receiver sleeps, on any processors",
		Ours: []Runner{c.ours(us, longer, asleep()...)},
		Peers: []Peer{
			{Key: "floor", Runner: c.futex(place.Anywhere), Against: both},
			{Key: "ucx", Runner: c.ucx("UCX tag_lat -E sleep", ucx.Test{Name: "tag_lat", Size: small, Count: 15_000, Warm: 500, Sleep: true}), Against: p50},
			{Key: "cyclone", Runner: c.cyclone("Cyclone DDS, loopback", func(ctx context.Context) (figures.Figures, error) {
				return cyclone.Latency(ctx, c.Lab, small, rate)
			}), Against: both},
			{Key: "zeromq", Runner: c.zeromq(small, rate, longer), Against: both},
			{Key: "redis", Runner: c.redis(rate, longer), Against: both},
			{Key: "nats", Runner: c.nats(rate, longer), Against: both},
		}}
}

// placed is blocked with both processes where we want them.
func (c *Cast) placed(where place.Place, key, title string) Workload {
	const us = "shmbus"
	both := []Comparison{{figures.P50, us, nil}, {figures.P99, us, nil}}
	return Workload{Key: key, Title: title,
		Ours: []Runner{c.oursAt(where, us, longer, asleep()...)},
		Peers: []Peer{
			{Key: "floor", Runner: c.thread(where), Against: []Comparison{{figures.P50, us, atMost(1.3)}, {figures.P99, us, atMost(1.5)}}},
			{Key: "floor", Runner: c.futex(where), Against: both},
			{Key: "floor", Runner: c.oursAt(where, "floor: goroutine in FUTEX_WAIT, Go on both sides", longer, "floor", "futex", "--rate", strconv.Itoa(rate)),
				Against: both},
			{Key: "iceoryx", Runner: c.iceoryxAt(where, "iceoryx WaitSet", "block", small, rate, longer), Against: both},
			{Key: "pipe", Runner: c.stdioAt(where, "pipe", small, rate, longer), Against: both},
			{Key: "unix", Runner: c.stdioAt(where, "unix", small, rate, longer), Against: both},
			{Key: "tcp", Runner: c.stdioAt(where, "tcp", small, rate, longer), Against: both},
		}}
}

func asleep() []string {
	return []string{"latency", "--size", strconv.Itoa(small), "--wait", "block", "--rate", strconv.Itoa(rate)}
}

func (c *Cast) futex(where place.Place) Runner {
	return c.programAt(where, "floor: C thread in FUTEX_WAIT, C on both sides", native.Futex, func(string) []string {
		return []string{strconv.Itoa(rate), c.Lab.Milliseconds(longer)}
	})
}

// thread is a C thread under the publisher of shmperf's floor, which keeps the time and sleeps as the one of shmbus does.
func (c *Cast) thread(where place.Place) Runner {
	const name = "floor: C thread in FUTEX_WAIT, the same publisher"
	return Runner{
		Name: name,
		Installed: func(ctx context.Context) error {
			_, err := c.Workshop.Build(ctx, native.Thread)
			return cmp.Or(err, where.Possible())
		},
		Run: func(ctx context.Context) (figures.Figures, error) {
			path, err := c.Workshop.Build(ctx, native.Thread)
			if err != nil {
				return nil, err
			}
			return c.Shmperf.Run(ctx, where, longer, "floor", "futex", "--rate", strconv.Itoa(rate), "--receiver", path)
		},
	}
}

func (c *Cast) stream() Workload {
	const one, batch = "shmbus, one at a time", "shmbus, batches of 32"
	msgs := []Comparison{{figures.Msgs, one, nil}}
	return Workload{Key: "stream", Title: "64 B, as fast as it goes, nothing lost",
		Ours: []Runner{
			c.ours(one, briefly, "stream", "--size", "64"),
			c.ours(batch, briefly, "stream", "--size", "64", "--batch", "32"),
		},
		Peers: []Peer{
			{Key: "ucx", Runner: c.ucx("UCX tag_bw", ucx.Test{Name: "tag_bw", Size: small, Count: 4_000_000, Warm: 100_000}),
				Against: []Comparison{{figures.Msgs, one, atLeast(1)}, {figures.Msgs, batch, atLeast(1.35)}}},
			{Key: "iceoryx", Runner: c.iceoryx("iceoryx", "stream", small, 0, briefly), Against: msgs},
			{Key: "zeromq", Runner: c.zeromq(small, 0, briefly), Against: []Comparison{{figures.Msgs, one, nil}, {figures.Msgs, batch, nil}}},
			{Key: "pipe", Runner: c.stdio("pipe", small, 0, briefly), Against: msgs},
			{Key: "unix", Runner: c.stdio("unix", small, 0, briefly), Against: msgs},
			{Key: "tcp", Runner: c.stdio("tcp", small, 0, briefly), Against: msgs},
			{Key: "cyclone", Runner: c.cyclone("Cyclone DDS, loopback", func(ctx context.Context) (figures.Figures, error) {
				return cyclone.Rate(ctx, c.Lab, small)
			}), Against: msgs},
			{Key: "redis", Runner: c.redis(0, briefly), Against: []Comparison{{figures.Msgs, one, nil}, {figures.Msgs, batch, nil}}},
			{Key: "nats", Runner: c.nats(0, briefly), Against: []Comparison{{figures.Msgs, one, nil}, {figures.Msgs, batch, nil}}},
		}}
}

func (c *Cast) large() Workload {
	const copied, read, inPlace = "shmbus, copied in, copied out", "shmbus, copied in and out, and the copy read", "shmbus, written and read in place"
	size := strconv.Itoa(large)
	both := []Comparison{{figures.Bytes, copied, nil}, {figures.Bytes, inPlace, nil}}
	copies := both[:1]
	return Workload{Key: "large", Title: "1 MiB, as fast as it goes, nothing lost",
		Ours: []Runner{
			c.ours(copied, briefly, "stream", "--size", size, "--copy-out", "--touch", "one"),
			c.ours(inPlace, briefly, "stream", "--size", size, "--loan"),
			c.ours(read, briefly, "stream", "--size", size, "--copy-out"),
		},
		Peers: []Peer{
			{Key: "ucx", Runner: c.ucx("UCX tag_bw", ucx.Test{Name: "tag_bw", Size: large, Count: 6000, Warm: 200}),
				Against: []Comparison{{figures.Bytes, copied, atLeast(1)}, {figures.Bytes, inPlace, atLeast(1.5)}, {figures.Bytes, read, nil}}},
			{Key: "floor", Runner: c.program("floor: memcpy, one process", native.Memcpy, func(string) []string {
				return []string{size, c.Lab.Milliseconds(briefly)}
			}), Against: both},
			{Key: "iceoryx", Runner: c.iceoryx("iceoryx, written and read in place", "stream", large, 0, briefly), Against: both[1:]},
			{Key: "zeromq", Runner: c.zeromq(large, 0, briefly), Against: copies},
			{Key: "pipe", Runner: c.stdio("pipe", large, 0, briefly), Against: copies},
			{Key: "unix", Runner: c.stdio("unix", large, 0, briefly), Against: copies},
			{Key: "tcp", Runner: c.stdio("tcp", large, 0, briefly), Against: copies},
			{Key: "cyclone", Runner: c.cyclone("Cyclone DDS, loopback", func(ctx context.Context) (figures.Figures, error) {
				return cyclone.Rate(ctx, c.Lab, large)
			}), Against: copies},
		}}
}

func (c *Cast) loan() Workload {
	const us = "shmbus, 8 MiB"
	args := []string{"latency", "--wait", "poll", "--loan", "--touch", "one", "--size"}
	return Workload{Key: "loan", Title: "a loan, one byte written and read",
		Ours: []Runner{c.ours(us, briefly, append(args[:len(args):len(args)], strconv.Itoa(8<<20))...)},
		Peers: []Peer{{Key: "self", Runner: c.ours("shmbus, 64 B", briefly, append(args[:len(args):len(args)], "64")...),
			Against: []Comparison{{figures.P50, us, atMost(1.1)}, {figures.Total, us, nil}}}}}
}

func (c *Cast) fanout() Workload {
	const us = "shmbus, 16 subscribers"
	return Workload{Key: "fanout", Title: "cost of Publish, 64 B, nobody asleep",
		Ours: []Runner{c.ours(us, briefly, "fanout", "--wait", "none", "--subscribers", "16")},
		Peers: []Peer{{Key: "self", Runner: c.ours("shmbus, 1 subscriber", briefly, "fanout", "--wait", "none", "--subscribers", "1"),
			Against: []Comparison{{figures.Publish, us, atMost(1.5)}, {figures.Msgs, us, nil}}}}}
}

func (c *Cast) lastValue(readers int) Workload {
	const us = "shmbus"
	n := strconv.Itoa(readers)
	of := map[bool]string{true: "1 reader", false: n + " readers"}[readers == 1]
	return Workload{Key: "last-value-" + n, Title: "last value, 100 B, one writer and " + of,
		Ours: []Runner{c.ours(us, briefly, "lastvalue", "--readers", n)},
		Peers: []Peer{{Key: "lmdb", Runner: c.program("LMDB", native.LMDB, func(dir string) []string {
			return []string{dir, n, c.Lab.Milliseconds(briefly)}
		}), Against: []Comparison{{figures.Reads, us, atLeast(1.3)}, {figures.Updates, us, atLeast(5)}}}}}
}
