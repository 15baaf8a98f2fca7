package shmtransport

import (
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// isReady reports whether take would have a result other than noSample.
func (l *Link) isReady() bool {
	switch l.phase {
	case linkAdmitted:
		if len(l.keys.pending) > 0 {
			return true
		}
		if ring.Ahead(l.ring.Word(l.cursor).Load(), l.cursor) >= 0 {
			return true
		}
		l.countEmptyCheck()
		return l.ended()
	case linkStarved:
		return l.retry.Load()
	case linkKept:
		return true
	default:
		return l.ended() || l.admitGen.Load() != l.seenGen
	}
}

// take returns the next sample in s, under a mark from number from on. It steps over samples that are lost.
func (l *Link) take(s *Sample, from int) (outcome, error) {
	if l.phase != linkAdmitted {
		if l.phase == linkKept {
			return l.takeKept(s), nil
		}
		if ok, err := l.beginIfReady(); !ok {
			return noSample, err
		}
	}
	replaced := maxReplaced
	for laps, lost := 0, 0; laps < 8 && lost < l.ring.Depth(); {
		if l.keys.open {
			if o, err := l.takeKey(s, from, &replaced); o != noSample || err != nil {
				return o, err
			}
		}
		o, err := l.acquire(s, l.cursor, from)
		switch o {
		case taken:
			l.advance()
			return taken, nil
		case withdrawn, overwritten:
			l.lost++
			l.advance()
			lost++
		case lapped:
			if err := l.skip(laps); err != nil {
				return noSample, err
			}
			laps++
		default:
			return o, err
		}
	}
	return lapped, nil
}

// takeRun takes consecutive samples, under marks from number from on, and stores the cursor once. It stops at a sample that
// needs more than that, which take handles.
func (l *Link) takeRun(buf []Sample, from int) (n int) {
	if l.phase != linkAdmitted || l.keys.open {
		return 0
	}
	n = l.acquireRun(buf, from)
	l.cursor += uint64(n)
	for ; n < len(buf); n++ {
		if n > 0 {
			from = buf[n-1].holding.mark() + 1
		}
		if o, err := l.acquire(&buf[n], l.cursor, from); o != taken || err != nil {
			break
		}
		l.cursor++
	}
	if n > 0 {
		l.cursor--
		l.advance()
	}
	return n
}

// skip moves the cursor to a sample that is still in the ring, if the sample at the cursor is not, and counts the
// samples in between as lost, except the newest of each key. Each further lap within one take leaves the publisher more room.
func (l *Link) skip(laps int) error {
	depth := uint64(l.ring.Depth())
	d := ring.Ahead(l.ring.Word(l.cursor).Load(), l.cursor)
	if d <= 0 {
		return nil
	}
	if uint64(d)&(depth-1) != 0 {
		return l.corrupt("ring entry %d holds sequence %d", l.cursor&(depth-1), l.cursor+uint64(d))
	}
	newest := l.cursor + uint64(d)
	if h := l.head.Load(); h > newest && h-newest < 1<<40 {
		newest = h
	}
	next := newest + 1 - depth
	if laps > 0 {
		next += depth >> max(1, 4-laps)
	}
	next = max(next, l.cursor+1)
	first := l.cursor
	l.cursor = next
	l.cursorWord.Store(next)
	failpoint.At("skip.cursor")
	l.wakePublisher()
	failpoint.At("skip.wake")
	if len(l.keyTable) == 0 {
		l.lost += next - first
	}
	l.scanKeys(first, next, true)
	return nil
}

func (l *Link) advance() {
	l.cursor++
	mem.Release64(l.cursorWord, l.cursor)
	failpoint.At("take.cursor")
	l.wakePublisher()
	failpoint.At("take.wake")
}

// wakePublisher wakes a publisher that waits for this reader's cursor, if the cursor got there.
func (l *Link) wakePublisher() {
	if at := l.wakeCursor.Load(); at != 0 {
		l.answerWakeCursor(at)
	}
}

func (l *Link) answerWakeCursor(at uint64) {
	if l.cursor >= at && at != l.answeredWakeCursor {
		l.answeredWakeCursor = at
		futex.Wake(l.cursorLow)
	}
}
