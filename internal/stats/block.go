package stats

import (
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/mem"
)

// Size is the length of a block in bytes.
const Size = 640

const (
	offMessages = 0
	offBytes    = 8
	offLast     = 16
	offLastSize = 24
	offMaxSize  = 32
	offFailed   = 40 // publisher
	offLost     = 40 // subscription
	offWaited   = 48 // publisher
	offDecode   = 48 // subscription
	offPeers    = 56
	offMemory   = 64 // publisher
	offLoans    = 72 // publisher
	offHeld     = 64 // subscription
	offLag      = 72 // subscription
	offDropped  = 80 // subscription
	offStale    = 88 // subscription
	offFiltered = 96 // subscription
	offLatency  = 128
)

// A Publisher is the owner's view of its block. Its methods are for one goroutine at a time.
type Publisher struct {
	messages, bytes, last, lastSize, maxSize, failed, waited, peers, memory, loans *atomic.Uint64
}

// NewPublisher takes a block of Size bytes.
func NewPublisher(b []byte) Publisher {
	return Publisher{
		messages: mem.Uint64(b, offMessages), bytes: mem.Uint64(b, offBytes), last: mem.Uint64(b, offLast),
		lastSize: mem.Uint64(b, offLastSize), maxSize: mem.Uint64(b, offMaxSize), failed: mem.Uint64(b, offFailed),
		waited: mem.Uint64(b, offWaited), peers: mem.Uint64(b, offPeers), memory: mem.Uint64(b, offMemory),
		loans: mem.Uint64(b, offLoans),
	}
}

// Published counts one message of size bytes.
func (p *Publisher) Published(size int, stamp int64) {
	mem.Add64(p.messages, 1)
	mem.Add64(p.bytes, uint64(size))
	mem.Set64(p.last, uint64(stamp))
	mem.Set64(p.lastSize, uint64(size))
	if uint64(size) > p.maxSize.Load() {
		mem.Set64(p.maxSize, uint64(size))
	}
}

// Failed counts a publish that returned an error.
func (p *Publisher) Failed() { mem.Add64(p.failed, 1) }

// Waited counts a publish that had to wait for a lossless subscription.
func (p *Publisher) Waited() { mem.Add64(p.waited, 1) }

// SetSubscribers says how many subscriptions are connected. It may be called beside the other methods.
func (p *Publisher) SetSubscribers(n int) { p.peers.Store(uint64(n)) }

// SetMemory says how many bytes the publisher's slots take.
func (p *Publisher) SetMemory(n int64) { mem.Set64(p.memory, uint64(n)) }

// SetLoans says how many slots the application has asked for and neither published nor given back.
func (p *Publisher) SetLoans(n int) { mem.Set64(p.loans, uint64(n)) }

// A Subscription is the owner's view of its block. Received, Lost, Stale, Filtered and Latency are for one goroutine at a time, SetUndecodable,
// SetHeld and SetLag too, which may be another.
type Subscription struct {
	messages, bytes, last, lastSize, maxSize, lost, decode, peers, held, lag, dropped, stale, filtered *atomic.Uint64
	latency                                                                                            []atomic.Uint32
}

// NewSubscription takes a block of Size bytes.
func NewSubscription(b []byte) Subscription {
	return Subscription{
		messages: mem.Uint64(b, offMessages), bytes: mem.Uint64(b, offBytes), last: mem.Uint64(b, offLast),
		lastSize: mem.Uint64(b, offLastSize), maxSize: mem.Uint64(b, offMaxSize), lost: mem.Uint64(b, offLost),
		decode: mem.Uint64(b, offDecode), peers: mem.Uint64(b, offPeers), held: mem.Uint64(b, offHeld),
		lag:     mem.Uint64(b, offLag),
		dropped: mem.Uint64(b, offDropped), stale: mem.Uint64(b, offStale), filtered: mem.Uint64(b, offFiltered),
		latency: mem.Uint32s(b, offLatency, Buckets),
	}
}

// Received counts one message of size bytes, published at stamp, after lost others that were overwritten unread.
func (s *Subscription) Received(size int, stamp int64, lost uint64) {
	mem.Add64(s.messages, 1)
	mem.Add64(s.bytes, uint64(size))
	mem.Set64(s.last, uint64(stamp))
	mem.Set64(s.lastSize, uint64(size))
	if uint64(size) > s.maxSize.Load() {
		mem.Set64(s.maxSize, uint64(size))
	}
	if lost != 0 {
		mem.Add64(s.lost, lost)
	}
}

// Dropped counts messages, lost ones, that were given up with a publisher that ended.
func (s *Subscription) Dropped(n uint64) { mem.Add64(s.dropped, n) }

// Lost counts messages that were lost without one received after them.
func (s *Subscription) Lost(n uint64) { mem.Add64(s.lost, n) }

// Stale counts one message that was not delivered because of its age.
func (s *Subscription) Stale() { mem.Add64(s.stale, 1) }

// Filtered counts one message that was not delivered because another of its publisher had been delivered shortly before.
func (s *Subscription) Filtered() { mem.Add64(s.filtered, 1) }

// SetUndecodable says how many messages had a payload that was not of the subscription's type.
func (s *Subscription) SetUndecodable(n uint64) { mem.Set64(s.decode, n) }

// SetPublishers says how many publishers are connected. It may be called from any goroutine.
func (s *Subscription) SetPublishers(n int) { s.peers.Store(uint64(n)) }

// SetHeld says how many samples the application has not released.
func (s *Subscription) SetHeld(n int64) { mem.Set64(s.held, uint64(n)) }

// SetLag says how many messages are in the rings of the publishers and not yet taken.
func (s *Subscription) SetLag(n uint64) { mem.Set64(s.lag, n) }

// Latency puts one delay from publish to take, in nanoseconds, into the histogram.
func (s *Subscription) Latency(ns int64) {
	w := &s.latency[Bucket(ns)]
	w.Store(w.Load() + 1)
}
