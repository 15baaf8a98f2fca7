package shmtransport

import (
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// A ring is a view of the entries of a publisher's ring: the publisher's own, or a reader's.
type ring struct {
	b     []byte
	words []atomic.Uint64
	mask  uint64
}

// ringBytes is how long a ring of depth entries is.
func ringBytes(depth int) int { return entrySize * depth }

// newRing is the ring that b begins with.
func newRing(b []byte, depth int) ring {
	n := ringBytes(depth)
	return ring{b: b[:n:n], words: mem.Uint64s(b, 0, n/8), mask: uint64(depth - 1)}
}

func (r *ring) depth() int { return int(r.mask) + 1 }

// index is where in the ring a sequence has its place.
func (r *ring) index(seq uint64) int { return int(seq & r.mask) }

// word says which sample is in an entry, and where.
func (r *ring) word(seq uint64) *atomic.Uint64 { return r.wordAt(seq, entryOffWord) }

func (r *ring) wordAt(seq uint64, off int) *atomic.Uint64 {
	return &r.words[r.index(seq)*entryWords+off/8]
}

func (r *ring) entryBytes(seq uint64, from, to int) []byte {
	e := r.index(seq) * entrySize
	return r.b[e+from : e+to : e+to]
}

// fillEntry writes a small payload where the sample of a sequence will be. Whoever copies the entry's former sample meanwhile
// finds another guard afterwards.
func (r *ring) fillEntry(seq uint64, payload []byte) {
	failpoint.At("small.wait")
	front := payload[:min(len(payload), smallFront)]
	mem.Release64(r.wordAt(seq, entryOffGuard), seq)
	failpoint.At("small.guard")
	mem.StoreBytes(r.entryBytes(seq, entryOffFront, entrySize), front)
	if tail := payload[len(front):]; len(tail) > 0 {
		mem.StoreBytes(r.entryBytes(seq, entryOffTail, entryOffGuard), tail)
	}
	failpoint.At("small.payload")
}

// storeWord makes what fill wrote, n bytes, a sample.
func (r *ring) storeWord(seq uint64, stamp int64, n int) {
	mem.Release64(r.wordAt(seq, entryOffStamp), uint64(stamp))
	failpoint.At("small.stamp")
	mem.Release64(r.word(seq), ringWord(seq, slotInEntry|uint32(n)))
	failpoint.At("small.word")
}

// An entryCopy is a small sample out of the ring.
type entryCopy struct {
	sequence uint64 // 0 while it is none, or parts of several
	stamp    int64
	n        int // bytes of payload
	words    [smallPayload / 8]uint64
}

// readEntry copies the small sample of a sequence, of which the word said that it has n bytes, and reports whether it was still
// there.
func (r *ring) readEntry(seq uint64, c *entryCopy, n int) bool {
	at := r.index(seq) * entryWords
	e := r.words[at : at+entryWords : at+entryWords]
	c.stamp = int64(e[entryOffStamp/8].Load())
	for i := range smallFront / 8 {
		c.words[i] = e[entryOffFront/8+i].Load()
	}
	if n > smallFront {
		for i := range smallTail / 8 {
			c.words[smallFront/8+i] = e[entryOffTail/8+i].Load()
		}
	}
	failpoint.At("copy.read")
	return e[entryOffGuard/8].Load() == seq
}

// A ring word names a sample: 42 bits of its sequence, then 22 bits that say where it is: 8 bits of arena, 14 bits of slot in
// the arena; or, in place of an arena, entryArena, and how many bytes of payload the entry itself holds. One more value of
// that says that the publisher took the sample back.
const (
	slotIndexBits = 14
	slotBits      = 22
	slotMask      = 1<<slotBits - 1
	entryArena    = 1<<(slotBits-slotIndexBits) - 1
	slotInEntry   = entryArena << slotIndexBits
	slotWithdrawn = slotMask
)

func ringWord(seq uint64, slot uint32) uint64 { return seq<<slotBits | uint64(slot) }

// ahead returns by how much the sequence in word is ahead of seq: 0 when it is the one, negative when older.
func ahead(word, seq uint64) int64 {
	return int64(word&^slotMask-seq<<slotBits) >> slotBits
}
