package shmtransport

import (
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// A ring gives access to the entries of a publisher's ring, for the publisher or for a reader.
type ring struct {
	b     []byte
	words []atomic.Uint64
	mask  uint64
}

// ringBytes is the size in bytes of a ring of depth entries.
func ringBytes(depth int) int { return entrySize * depth }

// newRing returns the ring at the beginning of b.
func newRing(b []byte, depth int) ring {
	n := ringBytes(depth)
	return ring{b: b[:n:n], words: mem.Uint64s(b, 0, n/8), mask: uint64(depth - 1)}
}

func (r *ring) depth() int { return int(r.mask) + 1 }

// index returns the entry of a sequence.
func (r *ring) index(seq uint64) int { return int(seq & r.mask) }

// word returns the ring word of a sequence's entry. It holds the sequence and the location of the sample in the entry.
func (r *ring) word(seq uint64) *atomic.Uint64 {
	return &r.words[int(seq&r.mask)*entryWords+entryOffWord/8]
}

func (r *ring) wordAt(seq uint64, off int) *atomic.Uint64 {
	return &r.words[r.index(seq)*entryWords+off/8]
}

func (r *ring) entryBytes(seq uint64, from, to int) []byte {
	e := r.index(seq) * entrySize
	return r.b[e+from : e+to : e+to]
}

// fillEntry writes a small payload to the entry of a sequence. A reader that copies the entry's former sample meanwhile
// finds a changed guard afterwards.
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

// storeWord publishes the n bytes that fillEntry wrote as a sample.
func (r *ring) storeWord(seq uint64, stamp int64, n int) {
	mem.Release64(r.wordAt(seq, entryOffStamp), uint64(stamp))
	failpoint.At("small.stamp")
	mem.Release64(r.word(seq), ringWord(seq, slotInEntry|uint32(n)))
	failpoint.At("small.word")
}

// An entryCopy is a copy of a small sample.
type entryCopy struct {
	sequence uint64 // 0 while the copy is empty or incomplete
	stamp    int64
	n        int // bytes of payload
	words    [smallPayload / 8]uint64
}

// readEntry copies the small sample of a sequence, which has n bytes according to the ring word. It reports whether the
// copy is whole: the sample was still in the entry at its end.
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

// A ring word names a sample: 42 bits of its sequence, then 22 bits of location. The location is 8 bits of arena and 14
// bits of slot in that arena; or entryArena and the number of bytes of payload that the entry itself holds; or
// slotWithdrawn, if the publisher withdrew the sample.
const (
	slotIndexBits = 14
	slotBits      = 22
	slotMask      = 1<<slotBits - 1
	entryArena    = 1<<(slotBits-slotIndexBits) - 1
	slotInEntry   = entryArena << slotIndexBits
	slotWithdrawn = slotMask
)

func ringWord(seq uint64, slot uint32) uint64 { return seq<<slotBits | uint64(slot) }

// ahead returns how far the sequence in word is ahead of seq. It is negative for an older sequence.
func ahead(word, seq uint64) int64 {
	return int64(word&^slotMask-seq<<slotBits) >> slotBits
}
