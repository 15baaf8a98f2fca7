package plan

import (
	"fmt"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/peers"
)

// moment is the length of one run of a size.
const moment = 300 * time.Millisecond

// A size is a payload size with a bar for streams.
type size struct {
	key   string
	bytes int
	bars  bool // of a copy that is read in place
}

// sizes are those of images and point clouds, and one on each side.
func sizes() []size {
	return []size{
		{"4k", 4 << 10, false}, {"16k", 16 << 10, true}, {"64k", 64 << 10, true}, {"256k", 256 << 10, true}, {"1m", 1 << 20, true}, {"8m", 8 << 20, false},
	}
}

func (s size) String() string {
	if s.bytes < 1<<20 {
		return fmt.Sprintf("%d KiB", s.bytes>>10)
	}
	return fmt.Sprintf("%d MiB", s.bytes>>20)
}

// slots is the number of payloads that a stream of shmperf keeps.
func (s size) slots() int { return min(max((4<<20)/s.bytes, 4), 256) }

// ifBarred returns the bar if the size has bars.
func (s size) ifBarred(b *Bar) *Bar {
	if !s.bars {
		return nil
	}
	return b
}

// The runners of shmbus for a size.
const (
	copiedIn = "shmbus, copied in"
	inPlace  = "shmbus, written in place"
)

// streamOf is a stream of payloads that the receiver reads in place, every byte.
func (p *Programs) streamOf(s size) Workload {
	n := strconv.Itoa(s.bytes)
	bytes := func(ours string, bar *Bar) Comparison { return Comparison{figures.Bytes, ours, bar} }
	ucx := []Comparison{bytes(copiedIn, s.ifBarred(atLeast(1.3, 1.3))), bytes(inPlace, nil)}
	if s.bytes == large {
		ucx[1].Bar = atLeast(1.5, 1.5)
	}
	return Workload{Key: "stream-" + s.key, Title: s.String() + ", as fast as it goes, nothing lost, every byte read",
		Ours: []Runner{p.ours(copiedIn, moment, "stream", "--size", n), p.ours(inPlace, moment, "stream", "--size", n, "--loan")},
		Peers: []Peer{
			{Key: "ring", Runner: p.ring("stream", s), Against: []Comparison{bytes(copiedIn, s.ifBarred(atLeast(0.85, 0.85))), bytes(inPlace, nil)}},
			{Key: "ucx", Runner: p.ucx(peers.UCX{Name: "tag_bw", Size: s.bytes, Count: max(100, (1<<30)/s.bytes), Warm: 50}), Against: ucx},
			{Key: "iceoryx", Runner: p.iceoryx("iceoryx, written and read in place", "stream", s.bytes, 0, moment), Against: []Comparison{bytes(inPlace, nil)}},
			{Key: "zeromq", Runner: p.zeromq(s.bytes, 0, moment), Against: []Comparison{bytes(copiedIn, nil)}},
		}}
}

// polledOf is the delay from before a payload is written until the receiver, which looks all the time, has read every byte.
func (p *Programs) polledOf(s size) Workload {
	n := strconv.Itoa(s.bytes)
	args := []string{"latency", "--wait", "poll", "--size", n}
	copied, both := []Comparison{{figures.Total, copiedIn, nil}}, []Comparison{{figures.Total, copiedIn, nil}, {figures.Total, inPlace, nil}}
	count := min(max((1<<28)/s.bytes, 50), 20_000)
	hz := min(rate, (200<<20)/s.bytes)
	asleep := p.zeromq(s.bytes, hz, moment)
	asleep.Name += fmt.Sprintf(", %d/s, asleep", hz)
	return Workload{Key: "polled-" + s.key, Title: "one way with writing and reading, " + s.String() + ", the receiver looks all the time",
		Ours: []Runner{p.ours(copiedIn, moment, args...), p.ours(inPlace, moment, append(args, "--loan")...)},
		Peers: []Peer{
			{Key: "ring", Runner: p.ring("latency", s), Against: both},
			{Key: "ucx", Runner: p.ucx(peers.UCX{Name: "tag_lat", Size: s.bytes, Count: count, Warm: 50}), Against: both},
			{Key: "ucx", Runner: p.ucx(peers.UCX{Name: "ucp_am_lat", Size: s.bytes, Count: count, Warm: 50}), Against: both},
			{Key: "iceoryx", Runner: p.iceoryx("iceoryx, written and read in place", "poll", s.bytes, 0, moment), Against: both[1:]},
			{Key: "zeromq", Runner: asleep, Against: copied},
		}}
}

// ring is what two processes can do with a payload and no bus.
func (p *Programs) ring(mode string, s size) Runner {
	return p.native("C ring", env.Ring, func(string) []string {
		return []string{mode, strconv.Itoa(s.bytes), strconv.Itoa(s.slots()), p.Env.Milliseconds(moment)}
	})
}
