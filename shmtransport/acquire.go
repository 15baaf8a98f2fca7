package shmtransport

import (
	"encoding/binary"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// outcome is the result of an attempt to acquire a sample.
type outcome int

const (
	noSample    outcome = iota // no sample yet
	taken                      //
	withdrawn                  // the publisher withdrew the sample
	overwritten                // the publisher is replacing the sample in its entry
	lapped                     // the ring word names another sample
	heldLimit                  // every mark is in use
	skipped                    // samples were not delivered, and there may be more: see timeLimits
)

// acquire makes the sample of a sequence the application's, in s and under a mark from number from on. The ring word
// locates the sample. A publisher that overtakes the reader changes the word, so the sample is valid if the word is the
// same after the mark was stored, or the copy was made.
func (l *Link) acquire(s *Sample, seq uint64, from int) (outcome, error) {
	word := l.ring.Word(seq).Load()
	switch d := ring.Ahead(word, seq); {
	case d < 0:
		l.countEmptyCheck()
		return noSample, nil
	case d > 0:
		return lapped, nil
	}
	failpoint.At("take.load")
	slot := uint32(word & ring.SlotMask)
	if slot == ring.Withdrawn {
		return withdrawn, nil
	}
	k := l.freeMark(from)
	if k < 0 {
		return heldLimit, nil
	}
	if slot >= ring.InEntry {
		return l.copyEntry(s, k, seq, int(slot-ring.InEntry))
	}
	if l.passive {
		return l.copySlot(s, k, seq, word)
	}
	l.prefetchSlot(slot)
	// The word is unchanged after the mark was stored, so the slot was in the ring while the mark was visible. A slot
	// that leaves the ring later is not reused before the publisher has read the marks.
	l.raiseMarksUsed(k)
	l.marks[k].Store(slot + 1)
	failpoint.At("take.mark")
	if l.ring.Word(seq).Load() != word {
		l.marks[k].Store(0)
		return lapped, nil
	}
	if err := l.readSlot(s, seq, slot); err != nil {
		l.marks[k].Store(0)
		return noSample, err
	}
	l.handOut(s, k, holdsSlot)
	return taken, nil
}

// emptyChecksAlone is the number of checks in a row that find no sample and load the word's cache line alone. A reader that
// takes each sample when it comes would otherwise take the second line from the publisher while that writes it.
const emptyChecksAlone = 4

// countEmptyCheck is called when the sample at the cursor was not there.
func (l *Link) countEmptyCheck() {
	if l.emptyChecks++; l.emptyChecks > emptyChecksAlone && !l.lastInSlot {
		l.ring.LoadSecondLine(l.cursor)
	}
}

// slotPrefetch is the number of bytes of a slot that are fetched while the mark is stored and the word checked again. More
// delays smaller samples, and so does as much for each sample of a run.
const slotPrefetch = 1024

// prefetchSlot begins to fetch a slot, if there is one of that number.
func (l *Link) prefetchSlot(slot uint32) {
	a := &l.arenas[min(slot>>ring.SlotIndexBits, MaxArenas-1)]
	if i := slot & (maxSlots - 1); a.b != nil && i < a.slots {
		stride := slotHeaderSize + a.slotSize
		b := a.b[uint64(i)*stride:][:stride:stride]
		mem.PrefetchToRead(b[:min(stride, slotPrefetch)])
	}
}

// acquireRun acquires consecutive samples in slots, beginning with the one at the cursor, and returns their number. It is
// the protocol of acquire with one fence for all samples, which makes a batch of 1 KiB an eighth faster: every mark is
// stored before the fence, and every word is loaded again after it. It stops at a sample for which acquire has to decide.
func (l *Link) acquireRun(buf []Sample, from int) (n int) {
	marked := 0
	for k := from; marked < len(buf) && !l.passive; marked++ {
		at := l.cursor + uint64(marked)
		word := l.ring.Word(at).Load()
		slot := uint32(word & ring.SlotMask)
		if ring.Ahead(word, at) != 0 || slot >= ring.InEntry {
			break
		}
		failpoint.At("take.load")
		if k = l.freeMark(k); k < 0 {
			break
		}
		l.raiseMarksUsed(k)
		mem.Release32(&l.marks[k], slot+1)
		failpoint.At("take.mark")
		buf[marked].holding, buf[marked].sequence = holding(k), word // until readSlot sets it
		k++
	}
	if marked == 0 {
		return 0
	}
	l.fenceWord.Add(1)
	for ; n < marked; n++ {
		s, at := &buf[n], l.cursor+uint64(n)
		word, k := s.sequence, s.holding.mark()
		if l.ring.Word(at).Load() != word || l.readSlot(s, at, uint32(word&ring.SlotMask)) != nil {
			break
		}
		l.handOut(s, k, holdsSlot)
	}
	for i := n; i < marked; i++ {
		mem.Release32(&l.marks[buf[i].holding.mark()], 0)
		buf[i] = Sample{}
	}
	return n
}

// copyEntry copies a small sample of n bytes out of its entry.
func (l *Link) copyEntry(s *Sample, k int, seq uint64, n int) (outcome, error) {
	if n > ring.SmallPayload {
		return noSample, l.corrupt("sample %d has %d bytes in an entry", seq, n)
	}
	c := l.copies[k]
	if c == nil {
		c = new(ring.Copy)
		l.copies[k] = c
	}
	c.Sequence = 0
	if !l.ring.Read(seq, c, n) {
		return overwritten, nil
	}
	failpoint.At("copy.check")
	c.Sequence, c.N, l.lastCopied = seq, n, k
	s.sequence, s.stamp, s.payload = seq, c.Stamp, mem.SpanOfWords(c.Words[:], n)
	l.handOut(s, k, holdsCopy)
	return taken, nil
}

// handOut gives s, whose payload is set, to the application as a new holding of mark k.
func (l *Link) handOut(s *Sample, k int, how holding) {
	s.link, s.holding = l, holding(l.holdings[k].Load())|how
	mem.Set64(&l.holdings[k], uint64(s.holding)) // the goroutine that ended the last holding is done with it
	s.lost, l.lost = l.lost, 0
	l.emptyChecks, l.lastInSlot = 0, how == holdsSlot
	if n := int32(k + 1); n > l.holdingsUsed.Load() {
		l.holdingsUsed.Store(n)
	}
}

// readSlot fills s from a marked slot.
func (l *Link) readSlot(s *Sample, seq uint64, slot uint32) error {
	failpoint.At("take.check")
	k := int(slot >> ring.SlotIndexBits)
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
	holds := binary.NativeEndian.Uint64(b[slotOffSequence:])
	n := binary.NativeEndian.Uint64(b[slotOffLength:])
	if holds != seq {
		return l.corrupt("slot of sequence %d holds sequence %d", seq, holds)
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
