package shmtransport

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/futex"
)

// AwaitTaken returns when every reader, lossless or not, has taken or lost what was published before the call, or with ctx's error.
// A reader that is gone is not waited for.
func (w *Writer) AwaitTaken(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	target := w.seq
	if w.furthestBehind(target) == nil {
		return nil
	}
	defer context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wakeSleepers()
	})()
	waiter := new(futex.Waiter)
	for {
		r := w.furthestBehind(target)
		switch {
		case r == nil:
			return nil
		case w.closed:
			return errdefs.Closed("the publisher is closed")
		case !r.isCurrent():
			w.removeReaders(func(r *remoteReader) bool { return !r.isCurrent() })
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wait until participant %016x has taken %d samples: %w", r.req.Reader, target+1-r.nextSequence(w.seq), err)
		}
		if err := w.sleepOnCursor(r, target, waiter); err != nil {
			return err
		}
	}
}

// furthestBehind returns the reader that is furthest behind, nil if each has taken target. Called with mu held.
func (w *Writer) furthestBehind(target uint64) (furthest *remoteReader) {
	next := target + 1
	for _, r := range w.readers {
		if n := r.nextSequence(w.seq); n < next {
			furthest, next = r, n
		}
	}
	return furthest
}

// PublishAt is PublishKey with a given stamp, such as that of a recorded sample.
func (w *Writer) PublishAt(ctx context.Context, key string, payload []byte, stamp int64) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := noSlot
	if n := len(payload); n > w.maxInEntry {
		var err error
		if id, err = w.allocSlot(ctx, n); err != nil {
			w.stats.Failed()
			return 0, err
		}
		if n > copyOutsideLock {
			w.loans++
			w.stats.SetLoans(w.loans)
			defer w.loanEnded()
		}
		w.copyToSlot(id, n, [][]byte{payload})
	}
	if err := w.awaitRoom(ctx, id); err != nil {
		return 0, err
	}
	var entry uint32
	if w.keys != nil {
		var err error
		if entry, err = w.keys.entryOf(key); err != nil {
			w.freeUnpublished(id)
			w.stats.Failed()
			return 0, err
		}
	}
	if id == noSlot {
		w.ring.Fill(w.seq+1, payload)
	}
	w.commit(id, len(payload), stamp)
	if w.keys != nil {
		w.setNewest(entry, id)
	}
	w.wakeReaders()
	return len(w.readers), nil
}
