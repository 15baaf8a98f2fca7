package shmtransport

import (
	"strings"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// A keyTable names the newest sample of each key for readers that were not there when it was published, or lost it. The sample's slot
// stays in use after it left the ring, until the key has a newer sample or is disposed of.
//
// The ring word of a sample is stored first. So a table without it lacks the ring's newest sample at most, which every reader of the
// ring finds there.
type keyTable struct {
	words  []atomic.Uint64   // shared
	index  map[string]uint32 // entry of each key
	newest []keyedSample     // by entry
	free   []uint32          // entries without a key
}

type keyedSample struct {
	sequence uint64
	slot     slotID // noSlot before the key's first sample
}

// keyTableOffset returns the position of the key table in the publisher file.
func keyTableOffset(depth int) int { return pubOffRing + ring.Bytes(depth) }

// ringEnd returns the number of bytes of header, ring and key table.
func ringEnd(depth, keys int) int { return keyTableOffset(depth) + 8*keys }

func newKeyTable(b []byte, keys int) *keyTable {
	t := &keyTable{
		words: mem.Uint64s(b, 0, keys), index: make(map[string]uint32), newest: make([]keyedSample, keys), free: make([]uint32, keys),
	}
	for i := range keys {
		t.free[i] = uint32(keys - 1 - i)
	}
	return t
}

// entryOf returns the entry of a key. A new key takes a free entry.
func (t *keyTable) entryOf(key string) (uint32, error) {
	if entry, ok := t.index[key]; ok {
		return entry, nil
	}
	last := len(t.free) - 1
	if last < 0 {
		return 0, &errdefs.LimitError{What: "keys of one publisher", Limit: int64(len(t.words)), Remedy: "dispose of keys that are no longer used, or raise MaxKeys"}
	}
	entry := t.free[last]
	t.free = t.free[:last]
	t.newest[entry] = keyedSample{slot: noSlot}
	t.index[strings.Clone(key)] = entry // the key may be part of a larger string, or of a payload
	return entry, nil
}

// setNewest makes the sample that was committed last the newest of its key. Called with mu held.
func (w *Writer) setNewest(entry uint32, id slotID) {
	t := w.keys
	old := t.newest[entry]
	mem.Release64(&t.words[entry], ring.Word(w.seq, uint32(id)))
	failpoint.At("key.word")
	if old.slot == noSlot {
		w.stats.SetKeys(len(t.index))
	}
	t.newest[entry] = keyedSample{w.seq, id}
	w.pool.pin(id)
	w.leaveKeyTable(old)
	failpoint.At("key.retire")
}

// leaveKeyTable retires the slot of a sample that left the key table, unless it is still in the ring. One that withdrawTaken has passed
// over is taken back from there.
func (w *Writer) leaveKeyTable(s keyedSample) {
	if s.slot == noSlot {
		return
	}
	w.pool.unpin(s.slot)
	switch {
	case w.inRing[w.ring.Index(s.sequence)] != s.slot:
		w.pool.retire(s.slot)
	case s.sequence < w.mayHaveSlot && s.sequence < w.firstUntaken():
		w.takeBack(s.sequence)
	default:
		w.mayHaveSlot = min(w.mayHaveSlot, s.sequence)
	}
}

// Dispose forgets a key: its newest sample is no longer kept for later readers, and the key no longer counts. It reports whether the
// key had a sample.
func (w *Writer) Dispose(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.keys
	if t == nil || w.closed {
		return false
	}
	entry, ok := t.index[key]
	if !ok {
		return false
	}
	t.words[entry].Store(0)
	failpoint.At("key.dispose")
	delete(t.index, key)
	w.stats.SetKeys(len(t.index))
	t.free = append(t.free, entry)
	w.leaveKeyTable(t.newest[entry])
	return true
}

// countKeys returns the number of keys that have a sample. Called with mu held.
func (w *Writer) countKeys() int {
	if w.keys == nil {
		return 0
	}
	return len(w.keys.index)
}

// pin keeps a slot in use after it left the ring.
func (p *pool) pin(id slotID) {
	n, _ := p.number(id)
	p.pinned[n] = true
}

func (p *pool) unpin(id slotID) {
	n, _ := p.number(id)
	p.pinned[n] = false
}

// isPinned reports whether a slot holds the newest sample of a key.
func (p *pool) isPinned(id slotID) bool {
	if !p.keyed {
		return false
	}
	n, _ := p.number(id)
	return p.pinned[n]
}
