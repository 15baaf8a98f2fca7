package shmtransport

import (
	"context"
	"errors"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// allocSlot finds a slot for n payload bytes. In this order it tries a free slot, a slot that readers have released
// (of a volatile publisher also while its sample is in the ring), new memory, and the slots of the oldest samples in the
// ring or their memory. Such samples count as lost for readers that have not taken them. Called with mu held.
func (w *Writer) allocSlot(ctx context.Context, n int) (slotID, error) {
	w.shortFrom = 0
	for {
		if err := w.checkPublish(n); err != nil {
			return 0, err
		}
		if id, ok := w.pool.alloc(n, false); ok {
			if w.pool.isEnding(id) {
				w.shortFrom = w.firstWithSlot()
			}
			return id, nil
		}
		w.withdrawTaken()
		w.pool.reclaim(w)
		if id, ok := w.pool.alloc(n, false); ok {
			return id, nil
		}
		err := w.pool.grow(n, false)
		w.stats.SetMemory(w.pool.reserved)
		if id, ok := w.pool.alloc(n, err != nil); ok {
			return id, nil
		}
		var limit *errdefs.LimitError
		var space *NoSlotError
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
				space.Held, space.Keys = w.pool.countHeld(), w.countKeys()
			}
			return 0, err
		}
		if err := w.awaitTaken(ctx, func() uint64 { return untaken }); err != nil {
			return 0, err
		}
	}
}

// withdrawFor withdraws samples, oldest first, until a slot for n bytes is free. Samples that a reader holds stay,
// because withdrawing them gives no slot, and so do the newest sample of each key and what KeepFor keeps. At the first sample that a lossless
// reader has not taken yet, it returns the sample's sequence. Called with mu held.
func (w *Writer) withdrawFor(n int) (id slotID, untaken uint64) {
	w.pool.scanMarks(w)
	for seq, kept := w.firstWithSlot(), w.firstKept(); seq <= w.seq && seq < kept; seq++ {
		id := w.inRing[w.ring.Index(seq)]
		if id == noSlot || w.pool.arenas[id.arena()].slotSize < n || w.pool.wasHeld(id) || w.pool.isPinned(id) {
			continue
		}
		if w.shortFrom == 0 {
			w.shortFrom = seq
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

// withdrawSmaller withdraws samples in smaller slots, oldest first, until the memory of unused slots is enough for a
// slot of n bytes. Without it a publisher whose limit was reached by small payloads could never publish a larger one.
// It follows a withdrawFor without success and has the same results.
//
// It does nothing if cause is a *errdefs.MemoryError: punching holes frees memory but no address space.
func (w *Writer) withdrawSmaller(n int, cause error) (id slotID, untaken uint64) {
	if errors.As(cause, new(*errdefs.MemoryError)) {
		return noSlot, 0
	}
	evictable := w.pool.evictable(n, cause != nil)
	if evictable == nil {
		return noSlot, 0
	}
	for seq, kept := w.firstWithSlot(), w.firstKept(); seq <= w.seq && seq < kept; seq++ {
		id := w.inRing[w.ring.Index(seq)]
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

// withdrawTaken takes back the samples of a volatile publisher that every reader has taken, except the newest, which a late reader may
// want. Without readers it does nothing: subscriptions may be about to connect. A cursor is behind the mark of the sample before it, so
// the slot of a sample that a reader still holds stays retired. Called with mu held.
func (w *Writer) withdrawTaken() {
	if !w.opts.Volatile || len(w.readers) == 0 {
		return
	}
	end := w.firstUntaken()
	for seq := w.firstWithSlot(); seq < end; seq++ {
		if id := w.inRing[w.ring.Index(seq)]; id != noSlot && !w.pool.isPinned(id) {
			w.takeBack(seq)
		}
	}
	w.mayHaveSlot = max(w.mayHaveSlot, end)
}

// firstWithSlot returns the sequence of the oldest sample in the ring that may have a slot that can be taken back. It looks at each entry
// once, and not at all of a large ring for each publish. Called with mu held.
func (w *Writer) firstWithSlot() uint64 {
	w.mayHaveSlot = max(w.mayHaveSlot, w.seq+1-min(w.seq, uint64(w.ring.Depth())))
	for w.mayHaveSlot < w.seq && w.inRing[w.ring.Index(w.mayHaveSlot)] == noSlot {
		w.mayHaveSlot++
	}
	return w.mayHaveSlot
}

// firstUntaken returns the sequence of the first sample that a reader has not taken, or that of the newest. Called with mu held.
func (w *Writer) firstUntaken() uint64 {
	first := w.seq
	for _, r := range w.readers {
		first = min(first, r.nextSequence(w.seq))
	}
	return first
}

// firstKept returns the sequence of the first sample that is not withdrawn, because a reader of KeepFor has not taken it. Called with mu held.
func (w *Writer) firstKept() uint64 {
	first := uint64(never)
	if w.opts.KeepFor == 0 {
		return first
	}
	for _, r := range w.readers {
		if r.req.Reader == w.opts.KeepFor {
			first = min(first, r.nextSequence(w.seq))
		}
	}
	return first
}

// withdraw takes back a sample that is in the ring, and frees the slots that readers have released.
func (w *Writer) withdraw(seq uint64) {
	w.takeBack(seq)
	w.pool.reclaim(w)
}

// takeBack takes back a sample that is in the ring. Its slot is retired.
func (w *Writer) takeBack(seq uint64) {
	i := w.ring.Index(seq)
	w.ring.Word(seq).Store(ring.Word(seq, ring.Withdrawn))
	failpoint.At("takeback.word")
	w.pool.retire(w.inRing[i])
	w.inRing[i] = noSlot
	failpoint.At("takeback.retire")
}
