// Package ring holds the ring of a publisher's file: the layout of its entries and of the ring word, which names a sample, and the
// stores and loads by which one process writes a small sample to an entry while others copy it. docs/protocol.md has the steps.
package ring

import (
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// A Ring gives access to the entries of a publisher's ring, for the publisher or for a reader.
type Ring struct {
	b     []byte
	words []atomic.Uint64
	mask  uint64
}

const (
	secondLine = 64                      // offset of the cache line of an entry that does not have the word
	firstLine  = secondLine - OffPayload // payload bytes in the other one
)

// Bytes is the size in bytes of a ring of depth entries.
func Bytes(depth int) int { return EntrySize * depth }

// New returns the ring at the beginning of b.
func New(b []byte, depth int) Ring {
	n := Bytes(depth)
	return Ring{b: b[:n:n], words: mem.Uint64s(b, 0, n/8), mask: uint64(depth - 1)}
}

func (r *Ring) Depth() int { return int(r.mask) + 1 }

// Index returns the entry of a sequence.
func (r *Ring) Index(seq uint64) int { return int(seq & r.mask) }

// Word returns the ring word of a sequence's entry. It holds the sequence and the location of the sample in the entry.
func (r *Ring) Word(seq uint64) *atomic.Uint64 {
	return &r.words[int(seq&r.mask)*entryWords+OffWord/8]
}

func (r *Ring) wordAt(seq uint64, off int) *atomic.Uint64 {
	return &r.words[r.Index(seq)*entryWords+off/8]
}

func (r *Ring) entryBytes(seq uint64, from, to int) []byte {
	e := r.Index(seq) * EntrySize
	return r.b[e+from : e+to : e+to]
}

// Fill writes a small payload to the entry of a sequence. A reader that copies the entry's former sample meanwhile
// finds a changed guard afterwards.
func (r *Ring) Fill(seq uint64, payload []byte) {
	failpoint.At("small.wait")
	mem.Release64(r.wordAt(seq, OffGuard), seq)
	failpoint.At("small.guard")
	mem.StoreBytes(r.entryBytes(seq, OffPayload, EntrySize), payload)
	failpoint.At("small.payload")
}

// Store publishes the n bytes that Fill wrote as a sample.
func (r *Ring) Store(seq uint64, stamp int64, n int) {
	mem.Release64(r.wordAt(seq, OffStamp), uint64(stamp))
	failpoint.At("small.stamp")
	mem.Release64(r.Word(seq), Word(seq, InEntry|uint32(n)))
	failpoint.At("small.word")
}

// PrefetchToWrite begins to fetch the entry of a sequence for the publisher's processor, which the last reader's has.
func (r *Ring) PrefetchToWrite(seq uint64) { mem.PrefetchToWrite(r.entryBytes(seq, 0, EntrySize)) }

// LoadSecondLine loads the second cache line of an entry, for a reader that loads the word again and again. The processor then fetches both lines at once when the publisher has written them.
func (r *Ring) LoadSecondLine(seq uint64) { r.wordAt(seq, secondLine).Load() }

// A Copy is a copy of a small sample.
type Copy struct {
	Sequence uint64 // 0 while the copy is empty or incomplete
	Stamp    int64
	N        int // bytes of payload
	Words    [SmallPayload / 8]uint64
}

// Read copies the small sample of a sequence, which has n bytes according to the ring word. It reports whether the
// copy is whole: the sample was still in the entry at its end.
func (r *Ring) Read(seq uint64, c *Copy, n int) bool {
	at := r.Index(seq) * entryWords
	e := r.words[at : at+entryWords : at+entryWords]
	c.Stamp = int64(e[OffStamp/8].Load())
	p := e[OffPayload/8:]
	for i := range firstLine / 8 {
		c.Words[i] = p[i].Load()
	}
	if n > firstLine {
		for i := firstLine / 8; i < SmallPayload/8; i++ {
			c.Words[i] = p[i].Load()
		}
	}
	failpoint.At("copy.read")
	return e[OffGuard/8].Load() == seq
}
