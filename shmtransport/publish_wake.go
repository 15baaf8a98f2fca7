package shmtransport

import (
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// wakeReaders rings the bell if a reader went to sleep since the last ring. A reader stores its armed word, checks the
// ring once more, and then sleeps on the bell's former value. The ring word was stored before armed is loaded here, so
// either the reader sees the sample or wakeReaders sees it armed. A fence is between that store and the loads: the one here or,
// if every reader is polling, the heavy fence of the reader.
//
// A reader that rests sleeps on its own armed word, so that bells for others do not wake it. The word names the sequence from which on it is
// to be woken. That is not the next one, so the fence can be left out before. A wake-up that comes while the reader is not asleep leaves no
// trace, so it is repeated as long as the word is armed; the reader's timer ends the sleep at last.
func (w *Writer) wakeReaders() {
	if len(w.readers) == 0 {
		return
	}
	defer w.endWakeReaders(sigbus.Guard())
	quiet := w.noneToWake()
	failpoint.At("publish.polling")
	if quiet {
		return
	}
	w.fenceWord.Add(1)
	asleep := false
	for _, r := range w.readers {
		switch a := r.armed.Load(); {
		case a >= armedFrom:
			w.wakeResting(r, a)
		case a != r.answeredArmed:
			r.answeredArmed = a
			asleep = asleep || a >= armedFirst
		}
	}
	failpoint.At("publish.armed")
	if asleep {
		w.ringBell()
	}
}

// noneToWake reports whether each reader is polling, or rests and has room. A polling reader issues a heavy fence between its next arming
// and its check. Either that fence comes before the loads here, which then find the reader armed, or the check finds the sample.
func (w *Writer) noneToWake() bool {
	for _, r := range w.readers {
		switch a := r.armed.Load(); {
		case a == armedPolling && w.registered:
		case a >= armedFrom:
			if _, due := w.endsRest(r, a); due {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// wakeResting wakes a reader that rests where that is due, and again after some further samples.
func (w *Writer) wakeResting(r *remoteReader, armed uint32) {
	again, due := w.endsRest(r, armed)
	if !due || armed == r.answeredArmed && w.seq < r.wakeAgain {
		return
	}
	r.answeredArmed, r.wakeAgain = armed, w.seq+again
	futex.Wake(r.armed)
}

// endsRest reports whether a reader that rests is to be woken: the sequence in its armed word is reached, or the memory is short and the
// reader has not taken the newer half of the samples that have it. The reader arms for its ring, because it does not know how much memory
// the publisher has. again is the number of samples until the wake-up is repeated, a sixteenth of either.
func (w *Writer) endsRest(r *remoteReader, armed uint32) (again uint64, due bool) {
	if isReached(armed, w.seq) {
		return uint64(w.ring.Depth()) / 16, true
	}
	if w.shortFrom == 0 {
		return 0, false
	}
	half := max(1, (w.seq+1-w.shortFrom)/2)
	return half / 8, r.cursor.Load() <= w.seq+1-half
}

// isReached reports whether the sequence in an armed word was published.
func isReached(armed uint32, seq uint64) bool { return int32((armed-uint32(seq))<<1) <= 0 }

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
