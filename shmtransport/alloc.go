package shmtransport

import (
	"context"
	"errors"

	"github.com/shmbus/shmbus/internal/failpoint"
)

// allocSlot finds a slot for n payload bytes: a free one, else one that readers have let go, else new memory, else those of
// the oldest samples in the ring, or memory of theirs, which then count as lost for whoever did not read them. Called with mu
// held.
func (w *Writer) allocSlot(ctx context.Context, n int) (slotID, error) {
	for {
		if err := w.checkPublish(n); err != nil {
			return 0, err
		}
		if id, ok := w.pool.alloc(n, false); ok {
			return id, nil
		}
		w.pool.reclaim(w)
		if id, ok := w.pool.alloc(n, false); ok {
			return id, nil
		}
		err := w.pool.grow(n, false)
		w.stats.SetMemory(w.pool.reserved)
		if id, ok := w.pool.alloc(n, err != nil); ok {
			return id, nil
		}
		var limit *LimitError
		var space *NoSpaceError
		if !errors.As(err, &limit) && !errors.As(err, &space) {
			return 0, err
		}
		id, untaken := w.withdrawFor(n)
		if id == noSlot && untaken == 0 && space != nil {
			id, untaken = w.withdrawSmaller(n, space.Err)
		}
		if id != noSlot {
			return id, nil
		}
		if untaken == 0 {
			if space != nil {
				space.Held = w.pool.countHeld()
			}
			return 0, err
		}
		if err := w.awaitTaken(ctx, func() uint64 { return untaken }); err != nil {
			return 0, err
		}
	}
}

// withdrawFor takes samples back, oldest first, until a slot for n bytes is free. What a reader holds stays, because taking
// it back would give no slot. What a lossless reader still has to take stays too, and the first such sample is reported.
// Called with mu held.
func (w *Writer) withdrawFor(n int) (id slotID, untaken uint64) {
	depth := uint64(w.ring.depth())
	w.pool.scanMarks(w)
	for seq := w.seq - min(w.seq, depth) + 1; seq <= w.seq; seq++ {
		id := w.inRing[w.ring.index(seq)]
		if id == noSlot || w.pool.arenas[id.arena()].slotSize < n || w.pool.wasHeld(id) {
			continue
		}
		if !w.takenByLossless(seq) {
			return noSlot, seq
		}
		w.withdraw(seq)
		if id, ok := w.pool.alloc(n, true); ok {
			return id, 0
		}
	}
	return noSlot, 0
}

// withdrawSmaller takes samples back that are in smaller slots, oldest first, until enough of these are unused for their
// memory to become a slot for n bytes. Otherwise a publisher whose limit was reached by small payloads could never publish a
// larger one. It follows a withdrawFor in vain, and reports the same.
// It is in vain where cause says that this process may map no more: the memory of slots would be given back, their place not.
func (w *Writer) withdrawSmaller(n int, cause error) (id slotID, untaken uint64) {
	if errors.As(cause, new(*MemoryError)) {
		return noSlot, 0
	}
	depth := uint64(w.ring.depth())
	evictable := w.pool.evictable(n, cause != nil)
	if evictable == nil {
		return noSlot, 0
	}
	for seq := w.seq - min(w.seq, depth) + 1; seq <= w.seq; seq++ {
		id := w.inRing[w.ring.index(seq)]
		if id == noSlot || !evictable[id.arena()] {
			continue
		}
		if !w.takenByLossless(seq) {
			return noSlot, seq
		}
		w.withdraw(seq)
		err := w.pool.grow(n, true)
		w.stats.SetMemory(w.pool.reserved)
		if err != nil {
			continue
		}
		if id, ok := w.pool.alloc(n, true); ok {
			return id, 0
		}
	}
	return noSlot, 0
}

// withdraw takes a sample back that is in the ring.
func (w *Writer) withdraw(seq uint64) {
	i := w.ring.index(seq)
	w.ring.word(seq).Store(ringWord(seq, slotWithdrawn))
	failpoint.At("takeback.word")
	w.pool.retire(w.inRing[i])
	w.inRing[i] = noSlot
	failpoint.At("takeback.retire")
	w.pool.reclaim(w)
}
