package shmtransport

import (
	"encoding/binary"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// commitEntry makes a small payload, with which the next entry was filled, the newest sample. Readers that sleep do not know of it
// yet. Called with mu held.
func (w *Writer) commitEntry(n int, stamp int64) {
	w.ring.storeWord(w.seq+1, stamp, n)
	w.recordCommit(noSlot, n, stamp)
}

// commitSlot puts a filled slot into the ring. Readers that sleep do not know of it yet. Called with mu held.
func (w *Writer) commitSlot(id slotID, n int, stamp int64) {
	failpoint.At("publish.wait")
	seq := w.seq + 1
	h := w.slot(id)[:slotHeaderSize]
	binary.NativeEndian.PutUint64(h[slotOffSequence:], seq)
	binary.NativeEndian.PutUint64(h[slotOffLength:], uint64(n))
	binary.NativeEndian.PutUint64(h[slotOffPublished:], uint64(stamp))
	failpoint.At("publish.header")

	mem.Release64(w.ring.word(seq), ringWord(seq, uint32(id)))
	failpoint.At("publish.word")
	w.recordCommit(id, n, stamp)
}

// recordCommit notes that the next sample is in the ring, in a slot or noSlot. Called with mu held.
func (w *Writer) recordCommit(id slotID, n int, stamp int64) {
	w.seq++
	mem.Release64(w.head, w.seq)
	failpoint.At("publish.head")
	i := w.ring.index(w.seq)
	if old := w.inRing[i]; old != noSlot {
		w.pool.retire(old)
	}
	w.inRing[i] = id
	failpoint.At("publish.retire")
	w.stats.Published(n, stamp)
	failpoint.At("publish.count")
}

// wakeReaders rings the bell if a reader went to sleep since it was rung last. A reader stores its armed word, then looks
// at the ring once more, then sleeps on the bell's old value; the sample's ring word was stored before we load armed. So
// either the reader sees the sample or we see it armed.
func (w *Writer) wakeReaders() {
	if len(w.readers) == 0 {
		return
	}
	w.fence.Add(1)
	defer w.endWakeReaders(sigbus.Guard())
	asleep := false
	for _, r := range w.readers {
		if a := r.armed.Load(); a != r.answeredArmed {
			r.answeredArmed = a
			asleep = asleep || a != 0
		}
	}
	failpoint.At("publish.armed")
	if asleep {
		w.ringBell()
	}
}

// endWakeReaders ends wakeReaders. Those that were found asleep before the fault count as told, so they are told.
func (w *Writer) endWakeReaders(before sigbus.Mode) {
	before.Restore()
	if e := recover(); e != nil {
		w.recordFault(e)
		w.ringBell()
		w.removeReaders((*remoteReader).isStale)
	}
}

func (w *Writer) ringBell() {
	w.bell.Add(1)
	failpoint.At("publish.bell")
	futex.Wake(w.bell)
	failpoint.At("publish.wake")
}
