package shmtransport

import (
	"fmt"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// ended reports whether the publisher will never publish again: it has closed, or its process has exited. Its ring does
// not change any more.
func (l *Link) ended() bool { return l.exited.Load() || l.state.Load() == stateClosed }

// beginIfReady reports whether samples may be taken. The first time that is so it sets the cursor.
func (l *Link) beginIfReady() (bool, error) {
	switch l.phase {
	case linkAdmitted:
		return true, nil
	case linkStarved:
		if !l.retry.Swap(false) {
			return false, nil
		}
		l.phase = linkAdmitted
		return true, nil
	}
	ended := l.ended()
	gen := l.admitGen.Load()
	if !ended && gen == l.seenGen {
		return false, nil
	}
	l.seenGen = gen
	if start, ok := l.findAdmission(); ok {
		l.begin(start)
		return true, nil
	}
	if ended {
		// No slot is reused any more, so marks are not needed.
		l.begin(l.startWithoutAdmission())
		return true, nil
	}
	if l.refused() {
		return false, l.refusal()
	}
	return false, nil
}

// tryBegin is beginIfReady for a check that takes nothing: take finds the error again.
func (l *Link) tryBegin() {
	if l.phase != linkRequested {
		return
	}
	if _, err := l.beginIfReady(); err != nil {
		l.seenGen--
	}
}

// refused reports whether the publisher had no room for another reader after it could see this one's request. An
// earlier full was for another reader and may be outdated: a publisher that removes a reader clears full before it
// changes the generation.
func (l *Link) refused() bool { return l.admitGen.Load() != l.requestGen && l.full.Load() != 0 }

func (l *Link) refusal() error {
	return &errdefs.LimitError{What: fmt.Sprintf("subscriptions of publisher %v", l.id), Limit: MaxReaders, Remedy: "close some, or publish for them on another topic"}
}

// findAdmission looks for this link's entry in the publisher's admission table and returns its start.
func (l *Link) findAdmission() (start uint64, ok bool) {
	for i := range MaxReaders {
		e := l.admissions[i*admissionEntrySize : (i+1)*admissionEntrySize]
		if mem.Uint64(e, admOffReader).Load() != l.readerID || mem.Uint64(e, admOffLink).Load() != l.key {
			continue
		}
		start = mem.Uint64(e, admOffStart).Load()
		if mem.Uint32(e, admOffStatus).Load() == statusAdmitted {
			return start, true
		}
	}
	return 0, false
}

func (l *Link) begin(start uint64) {
	l.phase = linkAdmitted
	l.start = max(start, 1)
	l.cursor, l.restedAt = l.start, l.start
	l.cursorWord.Store(l.cursor)
	failpoint.At("admit.begin")
	l.scanKeys(0, l.start, false)
}

// startWithoutAdmission returns the first sequence of a reader that its publisher does not admit. What was taken back before is not part
// of its history.
func (l *Link) startWithoutAdmission() uint64 {
	history := uint64(l.history)
	if len(l.keyTable) > 0 {
		history = max(history, 1) // the key table may lack it
	}
	newest := l.newest()
	start := startFor(history, newest, l.ring.Depth())
	if l.history == historyAll {
		return start
	}
	for n := newest + 1 - start; n > 0; n-- { // at most the depth, whatever the head says: newest + 1 may be 0
		if at := start + n - 1; l.ring.Word(at).Load() == ring.Word(at, ring.Withdrawn) {
			return at + 1
		}
	}
	return start
}

// newest returns the sequence of the newest sample of a ring that no longer changes. The head may be behind the ring,
// if the publisher died between the two stores.
func (l *Link) newest() uint64 {
	head := l.head.Load()
	newest := head
	for i := range l.ring.Depth() {
		if w := l.ring.Word(uint64(i)).Load(); w != 0 {
			if d := ring.Ahead(w, head); d > 0 && d <= int64(l.ring.Depth()) {
				newest = max(newest, head+uint64(d))
			}
		}
	}
	return newest
}
