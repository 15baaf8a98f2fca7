package shmtransport

import (
	"encoding/binary"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
)

// outcome is the result of an attempt to take a sample.
type outcome int

const (
	noSample   outcome = iota // no sample yet
	taken                     //
	sampleLost                // the sample at the cursor is lost
	lapped                    // the publisher overtook this attempt; there is something to take
	heldLimit                 // every mark is in use
)

// isReady reports whether take would have a result other than noSample.
func (l *Link) isReady() bool {
	if !l.admitted {
		switch {
		case l.kept != nil:
			return true
		case l.starved:
			return l.retry.Load()
		}
		return l.ended() || !l.checked || l.admitGen.Load() != l.seenGen
	}
	return ahead(l.ring.word(l.cursor).Load(), l.cursor) >= 0 || l.ended()
}

// take returns the next sample in s. The ring word locates it; a publisher that overtakes the reader changes the word.
func (l *Link) take(s *Sample) (outcome, error) {
	if !l.admitted {
		if l.kept != nil {
			return l.takeKept(s), nil
		}
		if ok, err := l.beginIfReady(); !ok {
			return noSample, err
		}
	}
	for try, withdrawn := 0, 0; try < 8 && withdrawn < l.ring.depth(); {
		word := l.ring.word(l.cursor).Load()
		switch d := ahead(word, l.cursor); {
		case d < 0:
			return noSample, nil
		case d > 0:
			if err := l.skip(d, try); err != nil {
				return noSample, err
			}
			try++
			continue
		}
		o, err := l.claim(s, word)
		switch o {
		case taken:
			l.advance()
			return taken, nil
		case sampleLost:
			l.lost++
			l.advance()
			withdrawn++
		case lapped:
			try++
		default:
			return o, err
		}
	}
	return lapped, nil
}

// claim acquires the sample at the cursor, which word names, for the application. It fails if the sample is no longer
// there.
func (l *Link) claim(s *Sample, word uint64) (outcome, error) {
	failpoint.At("take.load")
	slot := uint32(word & slotMask)
	if slot == slotWithdrawn {
		return sampleLost, nil
	}
	k := l.freeMark()
	if k < 0 {
		return heldLimit, nil
	}
	if slot >= slotInEntry {
		return l.copyEntry(s, k, int(slot-slotInEntry))
	}
	if l.passive {
		return l.copySlot(s, k, word)
	}
	// The word is unchanged after the mark was stored, so the slot was in the ring while the mark was visible. A slot
	// that leaves the ring later is not reused before the publisher has read the marks.
	l.raiseMarksUsed(k)
	l.marks[k].Store(slot + 1)
	failpoint.At("take.mark")
	if l.ring.word(l.cursor).Load() != word {
		l.marks[k].Store(0)
		return lapped, nil
	}
	if err := l.readSlot(s, slot); err != nil {
		l.marks[k].Store(0)
		return noSample, err
	}
	l.handOut(s, k, holdsSlot)
	return taken, nil
}

// copyEntry copies a small sample of n bytes out of its entry.
func (l *Link) copyEntry(s *Sample, k, n int) (outcome, error) {
	if n > smallPayload {
		return noSample, l.corrupt("sample %d has %d bytes in an entry", l.cursor, n)
	}
	c := l.copies[k]
	if c == nil {
		c = new(entryCopy)
		l.copies[k] = c
	}
	c.sequence = 0
	if !l.ring.readEntry(l.cursor, c, n) {
		return sampleLost, nil
	}
	failpoint.At("copy.check")
	c.sequence, c.n, l.lastCopied = l.cursor, n, k
	s.sequence, s.stamp, s.payload = l.cursor, c.stamp, mem.SpanOfWords(c.words[:], n)
	l.handOut(s, k, holdsCopy)
	return taken, nil
}

// handOut gives s, whose payload is set, to the application as a new holding of mark k.
func (l *Link) handOut(s *Sample, k int, how holding) {
	s.link, s.holding = l, holding(l.holdings[k].Load())|how
	mem.Set64(&l.holdings[k], uint64(s.holding)) // the goroutine that ended the last holding is done with it
	s.lost, l.lost = l.lost, 0
	if how == holdsSlot {
		l.takes++
	}
	if n := int32(k + 1); n > l.holdingsUsed.Load() {
		l.holdingsUsed.Store(n)
	}
}

// skip moves the cursor to a sample that is still in the ring and counts the samples in between as lost. d is how far
// the entry at the cursor is ahead of it. Each further lap within one take leaves the publisher more room.
func (l *Link) skip(d int64, try int) error {
	depth := uint64(l.ring.depth())
	if uint64(d)&(depth-1) != 0 {
		return l.corrupt("ring entry %d holds sequence %d", l.cursor&(depth-1), l.cursor+uint64(d))
	}
	newest := l.cursor + uint64(d)
	if h := l.head.Load(); h > newest && h-newest < 1<<40 {
		newest = h
	}
	next := newest + 1 - depth
	if try > 0 {
		next += depth >> max(1, 4-try)
	}
	next = max(next, l.cursor+1)
	l.lost += next - l.cursor
	l.cursor = next
	l.cursorWord.Store(next)
	failpoint.At("skip.cursor")
	l.wakePublisher()
	failpoint.At("skip.wake")
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
	if at := l.wakeCursor.Load(); at != 0 && l.cursor >= at && at != l.answeredWakeCursor {
		l.answeredWakeCursor = at
		futex.Wake(l.cursorLow)
	}
}

// readSlot fills s from a marked slot.
func (l *Link) readSlot(s *Sample, slot uint32) error {
	failpoint.At("take.check")
	k := int(slot >> slotIndexBits)
	if k >= MaxArenas {
		return l.corrupt("arena %d of at most %d", k, MaxArenas)
	}
	a := &l.arenas[k]
	if a.b == nil {
		if err := l.mapArena(k, a); err != nil {
			return err
		}
	}
	i := slot & (maxSlots - 1)
	if i >= a.slots {
		return l.corrupt("slot %d of arena %d, which has %d", i, k, a.slots)
	}
	stride := slotHeaderSize + a.slotSize
	b := a.b[uint64(i)*stride:][:stride:stride]
	seq := binary.NativeEndian.Uint64(b[slotOffSequence:])
	n := binary.NativeEndian.Uint64(b[slotOffLength:])
	if seq != l.cursor {
		return l.corrupt("slot of sequence %d holds sequence %d", l.cursor, seq)
	}
	if n > a.slotSize {
		return l.corrupt("sample %d has %d bytes in a slot of %d", seq, n, a.slotSize)
	}
	s.sequence = seq
	s.stamp = int64(binary.NativeEndian.Uint64(b[slotOffPublished:]))
	s.payload = mem.SpanOf(b[slotHeaderSize : slotHeaderSize+n : slotHeaderSize+n])
	failpoint.At("take.read")
	return nil
}
