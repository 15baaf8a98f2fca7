package shmtransport

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
)

// Publish copies the parts, one after the other, into one sample. It returns the number of subscriptions that the
// sample reached. ctx bounds the wait for lossless subscriptions. Without lossless subscriptions Publish does not wait.
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

// publishSmall publishes a payload that fits into an entry of the ring. Called with mu held.
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

// concat returns the concatenation of parts that are small together. It is valid until the next call.
func (w *Writer) concat(parts [][]byte) []byte {
	b := w.concatBuffer[:0]
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// checkPublish returns an error if a payload of n bytes cannot be published. Called with mu held.
func (w *Writer) checkPublish(n int) error {
	if w.closed {
		return errdefs.Closed("the publisher is closed")
	}
	if n < 0 || n > w.maxPayload {
		return &TooLargeError{Size: int64(n), Limit: int64(w.maxPayload)}
	}
	return nil
}

// countRefused counts a publish that fails before it looks for a slot, and returns err.
func (w *Writer) countRefused(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Failed()
	return err
}

// copyOutsideLock is the payload size in bytes above which the copy is made without the lock, so that other publishes
// and admissions do not wait for it.
const copyOutsideLock = 64 << 10

// prepareSlot returns the payload area of a slot that is to be filled. It also writes to the header, which commitSlot
// will fill: this fetches the cache line from the last reader's processor early.
func (w *Writer) prepareSlot(id slotID) []byte {
	failpoint.At("publish.slot")
	s := w.slot(id)
	binary.NativeEndian.PutUint64(s[slotOffSequence:], 0)
	return s[slotHeaderSize:]
}

func (w *Writer) slot(id slotID) []byte { return w.pool.arenas[id.arena()].slot(id.index()) }

// publishSlot makes the n bytes in a filled slot the newest sample. It may release mu while it waits for lossless
// readers. Called with mu held. The slot belongs to the pool or the ring afterwards.
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

// awaitRoom waits until every lossless reader has taken the sample that the next one replaces. On error it frees the
// slot, if there is one. Called with mu held.
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
		return errdefs.Closed("the publisher is closed")
	}
	return nil
}

// freeUnpublished frees a slot that is not published after all, if there is one.
func (w *Writer) freeUnpublished(id slotID) {
	if id != noSlot {
		w.pool.free(id)
	}
}
