package shmtransport

import (
	"encoding/binary"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// commitEntry makes the small payload in the next entry the newest sample. It does not wake readers. Called with mu
// held.
func (w *Writer) commitEntry(n int, stamp int64) {
	w.ring.storeWord(w.seq+1, stamp, n)
	w.recordCommit(noSlot, n, stamp)
}

// commitSlot puts a filled slot into the ring. It does not wake readers. Called with mu held.
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

// recordCommit records that the next sample is in the ring, in slot id or, with noSlot, in its entry. Called with mu
// held.
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

// wakeReaders rings the bell if a reader went to sleep since the last ring. A reader stores its armed word, checks the
// ring once more, and then sleeps on the bell's former value. The ring word was stored before armed is loaded here, so
// either the reader sees the sample or wakeReaders sees it armed.
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

// endWakeReaders ends wakeReaders. After a fault it rings in any case: readers found asleep before the fault count as
// woken.
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
