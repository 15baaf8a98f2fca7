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
	w.fenceWord.Add(1)
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

// allPolling reports whether every reader is polling: each issues a heavy fence between its next arming and its check. Either that
// fence comes before the loads here, which then find the reader armed, or the check finds the sample.
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
