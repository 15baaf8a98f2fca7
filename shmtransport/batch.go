package shmtransport

import (
	"context"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// PublishBatch publishes each payload as a sample of its own, in their order. The lock, the clock reading and the check
// for sleeping readers are shared by the batch, so its samples may have the same stamp. It returns the number of
// samples published: all of them, unless there is an error.
func (w *Writer) PublishBatch(ctx context.Context, payloads [][]byte) (n int, err error) {
	for n < len(payloads) && err == nil {
		if len(payloads[n]) > copyOutsideLock {
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
			w.ring.fillEntry(w.seq+1, payload)
			w.commitEntry(len(payload), stamp)
		} else {
			w.commitSlot(id, len(payload), stamp)
		}
		w.wakePending = true
	}
	return len(payloads), nil
}

// fillSlot copies a payload that does not fit into an entry to a new slot. Called with mu held.
func (w *Writer) fillSlot(ctx context.Context, payload []byte) (slotID, error) {
	if len(payload) <= w.maxInEntry {
		return noSlot, w.checkPublish(len(payload))
	}
	id, err := w.allocSlot(ctx, len(payload))
	if err == nil {
		copy(w.prepareSlot(id), payload)
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

// ReceiveBatch waits for the next sample and takes it and those that follow without waiting, up to len(buf). Each must
// be released. The errors are those of Receive; with an error there is no sample.
func (r *Reader) ReceiveBatch(ctx context.Context, buf []Sample) (n int, err error) {
	if len(buf) == 0 {
		return 0, nil
	}
	if err := r.lock.acquire(ctx); err != nil {
		return 0, err
	}
	clear(buf)
	r.batchCount = 0
	defer r.endBatch(ctx, sigbus.Guard(), buf, &n, &err)
	for {
		if r.closed.Load() {
			return 0, errdefs.Closed("the subscriber is closed")
		}
		o, err := r.poll(&buf[0])
		if err != nil {
			return 0, err
		}
		if o == taken {
			r.batchCount = 1
			return 1 + r.receiveMore(buf[1:], buf[0]), nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if o == noSample {
			if err := r.awaitSample(ctx); err != nil {
				return 0, err
			}
		}
	}
}

// receiveMore takes further samples, from one publisher after the other, beginning with that of last.
func (r *Reader) receiveMore(buf []Sample, last Sample) (n int) {
	for {
		run := last.link.takeRun(buf[n:])
		for i := range run {
			r.countSample(&buf[n+i])
			r.batchCount++
		}
		n += run
		if n == len(buf) {
			return n
		}
		// The next receive finds the same error.
		if o, err := r.poll(&buf[n]); o != taken || err != nil {
			return n
		}
		last = buf[n]
		n++
		r.batchCount++
	}
}

// takeRun takes consecutive samples as long as the simple path allows. It stops at a lap, a withdrawn sample, an
// invalid slot or the lack of a mark, which take handles.
func (l *Link) takeRun(buf []Sample) int {
	if !l.admitted || len(buf) == 0 {
		return 0
	}
	got := l.takeCopies(buf)
	if got == 0 && !l.passive {
		got = l.takeMarked(buf)
	}
	if got > 0 {
		l.cursorWord.Store(l.cursor)
		failpoint.At("take.cursor")
		l.wakePublisher()
		failpoint.At("take.wake")
	}
	return got
}

// takeCopies is takeRun for samples in entries.
func (l *Link) takeCopies(buf []Sample) (n int) {
	for k := 0; n < len(buf); n++ {
		word := l.ring.word(l.cursor).Load()
		slot := uint32(word & slotMask)
		if ahead(word, l.cursor) != 0 || slot < slotInEntry || slot == slotWithdrawn {
			break
		}
		if k = l.freeMarkFrom(k); k < 0 {
			break
		}
		if o, _ := l.copyEntry(&buf[n], k, int(slot-slotInEntry)); o != taken {
			break
		}
		l.cursor++
	}
	return n
}

// takeMarked is takeRun for samples in slots. It is the protocol of claim with one fence for all samples: every mark is
// stored before the fence, and every word is loaded again after it.
func (l *Link) takeMarked(buf []Sample) int {
	n := 0
	for k := 0; n < len(buf); n++ {
		at := l.cursor + uint64(n)
		word := l.ring.word(at).Load()
		slot := uint32(word & slotMask)
		if ahead(word, at) != 0 || slot >= slotInEntry {
			break
		}
		failpoint.At("take.load")
		if k = l.freeMarkFrom(k); k < 0 {
			break
		}
		l.raiseMarksUsed(k)
		mem.Release32(&l.marks[k], slot+1)
		failpoint.At("take.mark")
		buf[n].holding, buf[n].sequence = holding(k), word // until readSlot sets it
		k++
	}
	if n == 0 {
		return 0
	}
	l.fence.Add(1)
	got := 0
	for ; got < n; got++ {
		s := &buf[got]
		word, k := s.sequence, s.holding.mark()
		if l.ring.word(l.cursor).Load() != word || l.readSlot(s, uint32(word&slotMask)) != nil {
			break
		}
		l.handOut(s, k, holdsSlot)
		l.cursor++
	}
	for i := got; i < n; i++ {
		mem.Release32(&l.marks[buf[i].holding.mark()], 0)
		buf[i] = Sample{}
	}
	return got
}
