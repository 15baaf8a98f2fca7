package shmtransport

import (
	"math"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
)

// freeMark returns an unused mark from number k on, or -1. Only the goroutine that has the lock sets marks. Each is clear
// when its holding is not active.
func (l *Link) freeMark(k int) int {
	for ; k < len(l.holdings); k++ {
		if !holding(l.holdings[k].Load()).active() {
			return k
		}
	}
	return -1
}

// raiseMarksUsed makes the publisher check mark k, before it is set.
func (l *Link) raiseMarksUsed(k int) {
	if uint32(k) >= l.highWater {
		l.highWater = uint32(k) + 1
		l.marksUsed.Store(l.highWater)
		failpoint.At("take.used")
	}
}

// release ends a holding. It may be called from any goroutine. Page and ring are touched only for a sample in a slot,
// because only these keep them mapped.
func (l *Link) release(u holding) {
	k, inSlot := u.mark(), u&holdsSlot != 0
	after := u.next()
	if inSlot {
		after = u.ending()
	}
	if !l.holdings[k].CompareAndSwap(uint64(u), uint64(after)) {
		return // released before
	}
	if inSlot {
		mem.Release32(&l.marks[k], 0)
		failpoint.At("take.release")
		l.holdings[k].Store(uint64(u.next()))
		l.unpinSamples()
	}
	if l.owner != nil {
		l.owner.statsChanged()
	}
}

// unreleased returns the number of samples that the application holds. It may be called from any goroutine.
func (l *Link) unreleased() int64 { return l.count(holdsSlot | holdsCopy) }

// count returns the number of holdings of some kinds.
func (l *Link) count(kinds holding) (n int64) {
	for k := range l.holdingsUsed.Load() {
		if holding(l.holdings[k].Load())&kinds != 0 {
			n++
		}
	}
	return n
}

// unpinSamples removes the pin that all samples in slots share, if the link drains and none is held any more. Close and a
// release may both find that; one of them ends the draining.
func (l *Link) unpinSamples() {
	if l.drains.Load() && l.count(holdsSlot) == 0 && l.drains.CompareAndSwap(true, false) {
		l.unpin()
	}
}

// close disconnects from the ring. Held samples stay valid; the memory is unmapped when the last one is released.
// Called once, by the goroutine that has the lock, or when there is none any more.
func (l *Link) close() {
	if l.kept != nil {
		return
	}
	// The cursor is beyond any sequence, so no publisher waits for this subscription while a sample of it is held. The
	// wake is unconditional: the wake cursor is in memory that may be the reason for closing the link.
	l.cursorWord.Store(math.MaxUint64)
	failpoint.At("disconnect.cursor")
	futex.Wake(l.cursorLow)
	failpoint.At("disconnect.wake")
	l.drains.Store(true)
	l.unpinSamples()
	l.unpin()
}

// pin keeps page and ring mapped until unpin. They must be mapped.
func (l *Link) pin() { l.pins.Add(1) }

// unpin ends a pin. Another goroutine may unmap page and ring at once, so the caller must not touch them afterwards.
func (l *Link) unpin() {
	if l.pins.Add(-1) == 0 {
		if r := l.owner; r != nil {
			r.set.mappedBytes.Add(-l.mappedBytes)
			r.set.mappedArenas.Add(-l.mappedArenas)
		}
		l.freePage()
		l.view.close()
	}
}
