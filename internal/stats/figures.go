package stats

import (
	"encoding/binary"
	"math/bits"

	"github.com/shmbus/shmbus/internal/clock"
)

// PublisherCounts is a copy of a publisher's block.
type PublisherCounts struct {
	Messages    uint64      `json:"messages"`
	Bytes       uint64      `json:"bytes"`
	LastStamp   clock.Stamp `json:"last_stamp"` // 0 before the first message
	LastSize    uint64      `json:"last_size"`
	MaxSize     uint64      `json:"max_size"`
	Failed      uint64      `json:"failed"`
	Waited      uint64      `json:"waited"`
	Subscribers uint64      `json:"subscribers"`
	Memory      uint64      `json:"memory"` // bytes
	Loans       uint64      `json:"loans"`
}

// SubscriptionCounts is a copy of a subscription's block.
type SubscriptionCounts struct {
	Messages     uint64          `json:"messages"`
	Bytes        uint64          `json:"bytes"`
	LastStamp    clock.Stamp     `json:"last_stamp"`
	LastSize     uint64          `json:"last_size"`
	MaxSize      uint64          `json:"max_size"`
	Lost         uint64          `json:"lost"`
	DecodeErrors uint64          `json:"decode_errors"`
	Publishers   uint64          `json:"publishers"`
	Held         uint64          `json:"held"`
	Lag          uint64          `json:"lag"`
	Dropped      uint64          `json:"dropped"`  // of those lost: of publishers that ended, beyond the memory limit
	Stale        uint64          `json:"stale"`    // older than MaxAge: neither received nor lost
	Filtered     uint64          `json:"filtered"` // within MinSeparation of another: neither received nor lost
	Latency      [Buckets]uint32 `json:"-"`
}

// ReadPublisher copies the figures out of a block. A block shorter than Size gives zeros.
func ReadPublisher(b []byte) PublisherCounts {
	if len(b) < Size {
		return PublisherCounts{}
	}
	at := func(off int) uint64 { return binary.NativeEndian.Uint64(b[off:]) }
	return PublisherCounts{
		Messages: at(offMessages), Bytes: at(offBytes), LastStamp: clock.Stamp(at(offLast)), LastSize: at(offLastSize),
		MaxSize: at(offMaxSize), Failed: at(offFailed), Waited: at(offWaited), Subscribers: at(offPeers), Memory: at(offMemory),
		Loans: at(offLoans),
	}
}

// ReadSubscription copies the figures out of a block. A block shorter than Size gives zeros.
func ReadSubscription(b []byte) SubscriptionCounts {
	if len(b) < Size {
		return SubscriptionCounts{}
	}
	at := func(off int) uint64 { return binary.NativeEndian.Uint64(b[off:]) }
	f := SubscriptionCounts{
		Messages: at(offMessages), Bytes: at(offBytes), LastStamp: clock.Stamp(at(offLast)), LastSize: at(offLastSize),
		MaxSize: at(offMaxSize), Lost: at(offLost), DecodeErrors: at(offDecode), Publishers: at(offPeers),
		Held: at(offHeld), Lag: at(offLag), Dropped: at(offDropped), Stale: at(offStale), Filtered: at(offFiltered),
	}
	for i := range f.Latency {
		f.Latency[i] = binary.NativeEndian.Uint32(b[offLatency+4*i:])
	}
	return f
}

// Buckets is the number of steps of the latency histogram: four per doubling, from 64 ns to 4.6 minutes. The first and the
// last also hold what is beyond them.
const Buckets = 128

const firstOctave = 6 // 2^6 ns

// Bucket returns the histogram step of a delay in nanoseconds.
func Bucket(ns int64) int {
	if ns < 1<<firstOctave {
		return 0
	}
	octave := bits.Len64(uint64(ns)) - 1
	quarter := int(ns>>(octave-2)) & 3
	return min((octave-firstOctave)*4+quarter, Buckets-1)
}

// BucketStart returns the smallest delay of a step, in nanoseconds.
func BucketStart(i int) int64 {
	octave := firstOctave + i/4
	return int64(4+i%4) << (octave - 2)
}

// Percentile returns the delay, in nanoseconds, that a share q (0 to 1) of the counted ones did not exceed, to within the
// width of a step; 0 when nothing was counted.
func Percentile(h *[Buckets]uint32, q float64) int64 {
	var total uint64
	for _, n := range h {
		total += uint64(n)
	}
	if total == 0 {
		return 0
	}
	rank := uint64(q * float64(total))
	var seen uint64
	for i, n := range h {
		seen += uint64(n)
		if seen > rank || seen == total {
			return (BucketStart(i) + BucketStart(i+1)) / 2
		}
	}
	return BucketStart(Buckets)
}
