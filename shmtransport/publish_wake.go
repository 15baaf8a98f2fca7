package shmtransport

import (
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// wakeReaders rings the bell if a reader went to sleep since the last ring. A reader stores its armed word, checks the
// ring once more, and then sleeps on the bell's former value. The ring word was stored before armed is loaded here, so
// either the reader sees the sample or wakeReaders sees it armed.
func (w *Writer) wakeReaders() {
	if len(w.readers) == 0 {
		return
	}
	defer w.endWakeReaders(sigbus.Guard())
	polling := w.registered && w.allPolling()
	failpoint.At("publish.polling")
	if polling {
		return
	}
	w.fence.Add(1)
	asleep := false
	for _, r := range w.readers {
		if a := r.armed.Load(); a != r.answeredArmed {
			r.answeredArmed = a
			asleep = asleep || a >= armedFirst
		}
	}
	failpoint.At("publish.armed")
	if asleep {
		w.ringBell()
	}
}

// allPolling reports whether no reader sleeps or arms before it has issued a heavy fence. That fence is also one between the
// store of the ring word and the loads here: either it comes before the loads, which then find the reader armed, or the reader
// finds the sample after it.
func (w *Writer) allPolling() bool {
	for _, r := range w.readers {
		if r.armed.Load() != armedPolling {
			return false
		}
	}
	return true
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
