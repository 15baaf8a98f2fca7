package shmtransport

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// Publish copies the payload into one sample. It returns the number of subscriptions that the sample reached. ctx bounds the
// wait for lossless subscriptions. Without lossless subscriptions Publish does not wait.
func (w *Writer) Publish(ctx context.Context, payload []byte) (int, error) {
	return w.PublishKey(ctx, "", payload)
}

// PublishKey is Publish for a sample of a key. Without WriterOptions.MaxKeys there are no keys, and key is ignored.
func (w *Writer) PublishKey(ctx context.Context, key string, payload []byte) (int, error) {
	if len(payload) <= w.maxInEntry {
		return w.publishSmall(ctx, payload)
	}
	return w.publishLarge(ctx, key, len(payload), payload)
}

// PublishV is Publish for a payload in several parts, which it copies one after the other.
func (w *Writer) PublishV(ctx context.Context, parts ...[]byte) (int, error) {
	n, err := w.sumSizes(parts)
	if err != nil {
		return 0, err
	}
	if n <= w.maxInEntry {
		var room [ring.SmallPayload]byte
		b := room[:0]
		for _, p := range parts {
			b = append(b, p...)
		}
		return w.publishSmall(ctx, b)
	}
	return w.publishLarge(ctx, "", n, parts...)
}

// publishSmall publishes a payload that fits into an entry of the ring.
func (w *Writer) publishSmall(ctx context.Context, payload []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.awaitRoom(ctx, noSlot); err != nil {
		return 0, err
	}
	stamp := w.clock.Now()
	w.ring.Fill(w.seq+1, payload)
	w.commit(noSlot, len(payload), stamp)
	w.wakeReaders()
	return len(w.readers), nil
}

// publishLarge publishes a payload of n bytes in a slot.
func (w *Writer) publishLarge(ctx context.Context, key string, n int, parts ...[]byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, err := w.allocSlot(ctx, n)
	if err != nil {
		w.stats.Failed()
		return 0, err
	}
	if n > copyOutsideLock {
		w.loans++
		w.stats.SetLoans(w.loans)
		defer w.loanEnded()
	}
	w.copyToSlot(id, n, parts)
	return w.publishSlot(ctx, key, id, n)
}

// sumSizes returns the number of bytes of all parts.
func (w *Writer) sumSizes(parts [][]byte) (n int, err error) {
	for _, p := range parts {
		if n > math.MaxInt-len(p) {
			w.mu.Lock()
			w.stats.Failed()
			w.mu.Unlock()
			return 0, &TooLargeError{Size: math.MaxInt, Limit: int64(w.maxPayload)}
		}
		n += len(p)
	}
	return n, nil
}

// copyToSlot copies the parts, of n bytes together, to a new slot. For a large payload it releases mu meanwhile; the slot
// then counts as lent. A part may be a payload in a file that its owner truncates: the panic of that fault continues, and
// the slot is free again. Called with mu held.
func (w *Writer) copyToSlot(id slotID, n int, parts [][]byte) {
	copied := false
	defer func() {
		if !copied {
			w.pool.free(id)
		}
	}()
	b := w.prepareSlot(id)
	if n > copyOutsideLock {
		generation := w.pool.beginLoan(id)
		defer w.pool.endLoan(id, generation)
		w.mu.Unlock()
		defer w.mu.Lock()
	}
	for _, p := range parts {
		b = b[mem.Copy(b, p):]
	}
	copied = true
}

// publishSlot makes the n bytes in a filled slot the newest sample. It may release mu while it waits for lossless
// readers. Called with mu held. The slot belongs to the pool or the ring afterwards.
func (w *Writer) publishSlot(ctx context.Context, key string, id slotID, n int) (int, error) {
	failpoint.At("publish.copy")
	if err := w.awaitRoom(ctx, id); err != nil {
		return 0, err
	}
	var entry uint32
	if w.keys != nil {
		var err error
		if entry, err = w.keys.entryOf(key); err != nil {
			w.pool.free(id)
			w.stats.Failed()
			return 0, err
		}
	}
	stamp := w.clock.Now()
	if n <= w.maxInEntry {
		w.ring.Fill(w.seq+1, w.slot(id)[slotHeaderSize:slotHeaderSize+n])
		w.pool.free(id)
		id = noSlot
	}
	w.commit(id, n, stamp)
	if w.keys != nil {
		w.setNewest(entry, id)
	}
	w.wakeReaders()
	return len(w.readers), nil
}

// awaitRoom waits until every lossless reader has taken the sample that the next one replaces. On error it frees the
// slot, if there is one. Called with mu held.
func (w *Writer) awaitRoom(ctx context.Context, id slotID) error {
	if w.seq+1 >= w.roomUntil {
		if err := w.awaitTaken(ctx, func() uint64 { return w.seq + 1 - min(w.seq+1, uint64(w.ring.Depth())) }); err != nil {
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

// commit makes n bytes the newest sample: those in a filled slot or, with noSlot, in the next entry of the ring. The stamp is
// from before that entry was filled: readers that check the ring take a cache line back within the time of a clock reading.
// commit does not wake readers. Called with mu held.
func (w *Writer) commit(id slotID, n int, stamp int64) {
	seq := w.seq + 1
	if id == noSlot {
		w.ring.Store(seq, stamp, n)
	} else {
		failpoint.At("publish.wait")
		h := w.slot(id)[:slotHeaderSize]
		binary.NativeEndian.PutUint64(h[slotOffSequence:], seq)
		binary.NativeEndian.PutUint64(h[slotOffLength:], uint64(n))
		binary.NativeEndian.PutUint64(h[slotOffPublished:], uint64(stamp))
		failpoint.At("publish.header")
		mem.Release64(w.ring.Word(seq), ring.Word(seq, uint32(id)))
		failpoint.At("publish.word")
	}
	w.seq = seq
	mem.Release64(w.head, seq)
	failpoint.At("publish.head")
	i := w.ring.Index(seq)
	if old := w.inRing[i]; old != noSlot && !w.pool.isPinned(old) {
		w.pool.retire(old)
	}
	w.inRing[i] = id
	failpoint.At("publish.retire")
	w.stats.Published(n, stamp)
	failpoint.At("publish.count")
	if w.ring.Depth() > prefetchAhead {
		w.ring.PrefetchToWrite(seq + prefetchAhead)
	}
}

// prefetchAhead is the distance to the entry that is fetched early. A reader that has taken every sample checks the entry at
// distance 1. docs/rationale.md has the figures.
const prefetchAhead = 2

// copyOutsideLock is the payload size in bytes above which the copy is made without the lock, so that other publishes
// and admissions do not wait for it.
const copyOutsideLock = 64 << 10

// prepareSlot returns the payload area of a slot that is to be filled. It also writes to the header, which commit
// will fill: this fetches the cache line from the last reader's processor early.
func (w *Writer) prepareSlot(id slotID) []byte {
	failpoint.At("publish.slot")
	s := w.slot(id)
	binary.NativeEndian.PutUint64(s[slotOffSequence:], 0)
	return s[slotHeaderSize:]
}

func (w *Writer) slot(id slotID) []byte { return w.pool.arenas[id.arena()].slot(id.index()) }

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
