package shmtransport

import (
	"fmt"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// ended reports whether the publisher will never publish again: it said so, or its process is dead. What is in the ring
// then stays as it is.
func (l *Link) ended() bool { return l.gone.Load() || l.state.Load() == stateClosed }

// connected reports whether samples may be taken, and begins to as soon as that is so.
func (l *Link) connected() (bool, error) {
	if l.admitted {
		return true, nil
	}
	if l.starved {
		if !l.retry.Swap(false) {
			return false, nil
		}
		l.starved, l.admitted = false, true
		return true, nil
	}
	ended := l.ended()
	gen := l.admitGen.Load()
	if !ended && l.checked && gen == l.seenGen {
		return false, nil
	}
	l.checked, l.seenGen = true, gen
	if start, ok := l.admission(); ok {
		l.begin(start)
		return true, nil
	}
	if ended {
		// Nothing is reused any more, so nobody has to watch our marks.
		l.begin(startFor(uint64(l.history), l.newest(), l.ring.depth()))
		return true, nil
	}
	if l.refused() {
		return false, l.refusal()
	}
	return false, nil
}

// tryConnect is connected for a look that takes nothing: take finds the error again.
func (l *Link) tryConnect() {
	if l.admitted || l.kept != nil || l.starved {
		return
	}
	if _, err := l.connected(); err != nil {
		l.checked = false
	}
}

// refused reports whether the publisher had no room for another reader after it could see this one's request. What it said
// before was to somebody else, and may be true no longer: whoever makes room takes full back before it changes the generation.
func (l *Link) refused() bool { return l.admitGen.Load() != l.opened && l.full.Load() != 0 }

func (l *Link) refusal() error {
	return &LimitError{What: fmt.Sprintf("subscriptions of publisher %v", l.id), Limit: MaxReaders, Remedy: "close some, or publish for them on another topic"}
}

// admission looks for the entry with which the publisher says that it watches this link's marks.
func (l *Link) admission() (start uint64, ok bool) {
	for i := range MaxReaders {
		e := l.admissions[i*admissionEntrySize : (i+1)*admissionEntrySize]
		if mem.Uint64(e, admOffReader).Load() != l.reader || mem.Uint64(e, admOffLink).Load() != l.key {
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
	l.admitted = true
	l.start = max(start, 1)
	l.cursor = l.start
	l.cursorWord.Store(l.cursor)
	failpoint.At("admit.begin")
}

// newest returns the sequence of the newest sample of a ring that no longer changes. The head may lag behind the ring when
// the publisher died in between.
func (l *Link) newest() uint64 {
	head := l.head.Load()
	newest := head
	for i := range l.ring.depth() {
		if w := l.ring.word(uint64(i)).Load(); w != 0 {
			if d := ahead(w, head); d > 0 && d <= int64(l.ring.depth()) {
				newest = max(newest, head+uint64(d))
			}
		}
	}
	return newest
}
