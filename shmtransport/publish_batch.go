package shmtransport

import (
	"context"

	"github.com/shmbus/shmbus/internal/failpoint"
)

// PublishBatch publishes each payload as a sample of its own, in their order. The lock, the clock reading and the check
// for sleeping readers are shared by the batch, so its samples may have the same stamp. It returns the number of
// samples published: all of them, unless there is an error.
func (w *Writer) PublishBatch(ctx context.Context, payloads [][]byte) (n int, err error) {
	for n < len(payloads) && err == nil {
		if len(payloads[n]) > copyOutsideLock || w.keys != nil {
			if _, err = w.Publish(ctx, payloads[n]); err == nil {
				n++
			}
			continue
		}
		var small int
		small, err = w.publishRun(ctx, payloads[n:])
		n += small
	}
	return n, err
}

// publishRun publishes payloads up to the first one that is copied without the lock.
func (w *Writer) publishRun(ctx context.Context, payloads [][]byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.wakeIfPending()
	waits, stamp := w.waitCount, w.clock.Now()
	for n, payload := range payloads {
		if len(payload) > copyOutsideLock {
			return n, nil
		}
		id, err := w.fillSlot(ctx, payload)
		if err != nil {
			w.stats.Failed()
			return n, err
		}
		if err := w.awaitRoom(ctx, id); err != nil {
			return n, err
		}
		if w.waitCount != waits {
			waits, stamp = w.waitCount, w.clock.Now()
		}
		if id == noSlot {
			w.ring.Fill(w.seq+1, payload)
		}
		w.commit(id, len(payload), stamp)
		w.wakePending = true
	}
	return len(payloads), nil
}

// fillSlot copies a payload that does not fit into an entry to a new slot. Called with mu held.
func (w *Writer) fillSlot(ctx context.Context, payload []byte) (slotID, error) {
	if len(payload) <= w.maxInEntry {
		return noSlot, nil
	}
	id, err := w.allocSlot(ctx, len(payload))
	if err == nil {
		w.copyToSlot(id, len(payload), [][]byte{payload})
		failpoint.At("publish.copy")
	}
	return id, err
}

// wakeIfPending wakes sleeping readers for the samples that a batch committed. A wait for room within the batch does
// so, too. Called with mu held.
func (w *Writer) wakeIfPending() {
	if w.wakePending {
		w.wakePending = false
		w.wakeReaders()
	}
}
