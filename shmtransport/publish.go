package shmtransport

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/internal/failpoint"
)

// Publish copies the parts, one after the other, into one sample. It returns how many subscriptions the sample reached.
// ctx bounds the wait for lossless subscriptions; with none of them, and without error, Publish never waits.
func (w *Writer) Publish(ctx context.Context, parts ...[]byte) (int, error) {
	n := 0
	for _, p := range parts {
		if n > math.MaxInt-len(p) {
			return 0, w.countRefused(&TooLargeError{Size: math.MaxInt, Limit: int64(w.maxPayload)})
		}
		n += len(p)
	}
	if n > copyOutsideLock {
		loan, err := w.Loan(ctx, n)
		if err != nil {
			return 0, err
		}
		b := loan.Bytes()
		for _, p := range parts {
			b = b[copy(b, p):]
		}
		return loan.Commit(ctx, n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n <= w.maxInEntry {
		return w.publishSmall(ctx, n, parts)
	}
	id, err := w.allocSlot(ctx, n)
	if err != nil {
		w.stats.Failed()
		return 0, err
	}
	b := w.prepareSlot(id)
	for _, p := range parts {
		b = b[copy(b, p):]
	}
	return w.publishSlot(ctx, id, n)
}

// publishSmall publishes what an entry of the ring has room for. Called with mu held.
func (w *Writer) publishSmall(ctx context.Context, n int, parts [][]byte) (int, error) {
	if err := w.checkPublish(n); err != nil {
		w.stats.Failed()
		return 0, err
	}
	if err := w.awaitRoom(ctx, noSlot); err != nil {
		return 0, err
	}
	if len(parts) == 1 {
		w.ring.fillEntry(w.seq+1, parts[0])
	} else {
		w.ring.fillEntry(w.seq+1, w.concat(parts))
	}
	w.commitEntry(n, w.clock.Now())
	w.wakeReaders()
	return len(w.readers), nil
}

// concat returns the concatenation of parts that are small together, valid until it is called again.
func (w *Writer) concat(parts [][]byte) []byte {
	b := w.concatBuffer[:0]
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// checkPublish reports whether payloads of n bytes can be published at all. Called with mu held.
func (w *Writer) checkPublish(n int) error {
	if w.closed {
		return closed.Error("the publisher is closed")
	}
	if n < 0 || n > w.maxPayload {
		return &TooLargeError{Size: int64(n), Limit: int64(w.maxPayload)}
	}
	return nil
}

// countRefused counts a publish that ends before it looks for a slot.
func (w *Writer) countRefused(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Failed()
	return err
}

// copyOutsideLock is the payload size from which other publishes and admissions need not wait for the copy.
const copyOutsideLock = 64 << 10

// prepareSlot returns the payload area of a slot that is to be filled. It writes to the header, which place will fill: that takes its
// cache line away from whoever read it last, long before anybody waits for it.
func (w *Writer) prepareSlot(id slotID) []byte {
	failpoint.At("publish.slot")
	s := w.slot(id)
	binary.NativeEndian.PutUint64(s[slotOffSequence:], 0)
	return s[slotHeaderSize:]
}

func (w *Writer) slot(id slotID) []byte { return w.pool.arenas[id.arena()].slot(id.index()) }

// publishSlot makes what a filled slot holds the newest sample. It may give up mu while it waits for lossless readers. Called with mu held;
// the slot is the pool's or the ring's again afterwards.
func (w *Writer) publishSlot(ctx context.Context, id slotID, n int) (int, error) {
	failpoint.At("publish.copy")
	if err := w.awaitRoom(ctx, id); err != nil {
		return 0, err
	}
	if n <= w.maxInEntry {
		w.ring.fillEntry(w.seq+1, w.slot(id)[slotHeaderSize:slotHeaderSize+n])
		w.pool.free(id)
		w.commitEntry(n, w.clock.Now())
	} else {
		w.commitSlot(id, n, w.clock.Now())
	}
	w.wakeReaders()
	return len(w.readers), nil
}

// awaitRoom waits until every lossless reader has taken the sample that the next one replaces. On error the slot, if there
// is one, is free again. Called with mu held.
func (w *Writer) awaitRoom(ctx context.Context, id slotID) error {
	if w.seq+1 >= w.roomUntil {
		if err := w.awaitTaken(ctx, func() uint64 { return w.seq + 1 - min(w.seq+1, uint64(w.ring.depth())) }); err != nil {
			w.freeUnpublished(id)
			w.stats.Failed()
			return err
		}
	}
	if w.closed {
		w.freeUnpublished(id)
		return closed.Error("the publisher is closed")
	}
	return nil
}

// closeLink makes a slot free that was to be published, if there is one.
func (w *Writer) freeUnpublished(id slotID) {
	if id != noSlot {
		w.pool.free(id)
	}
}
