package shmtransport

import (
	"math"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
)

// freeMark returns an unused mark, -1 if there is none. Only the goroutine that has the turn sets marks. Whoever clears one
// ends its use first.
func (l *Link) freeMark() int { return l.freeMarkFrom(0) }

// freeMarkFrom is freeMark for marks from number k on.
func (l *Link) freeMarkFrom(k int) int {
	for ; k < len(l.holdings); k++ {
		if !holding(l.holdings[k].Load()).active() && l.marks[k].Load() == 0 {
			return k
		}
	}
	return -1
}

// raiseMarksUsed lets the publisher look at mark k, before it is set.
func (l *Link) raiseMarksUsed(k int) {
	if uint32(k) >= l.highWater {
		l.highWater = uint32(k) + 1
		l.marksUsed.Store(l.highWater)
		failpoint.At("take.used")
	}
}

// release ends a use. It may be called from any goroutine. Only what was marked pins the ring and our page in memory, and
// only then they are touched here.
func (l *Link) release(u holding) {
	k := u.mark()
	if !l.holdings[k].CompareAndSwap(uint64(u), uint64(u.next())) {
		return // released before
	}
	if l.owner != nil {
		l.owner.statsChanged()
	}
	if u&holdsSlot == 0 {
		return
	}
	mem.Release32(&l.marks[k], 0)
	failpoint.At("take.release")
	if n := l.released.Add(1); n+1 == l.finalTakes.Load() {
		l.unpinSamples()
	}
}

// unreleased is how many samples the application holds. It may be called from any goroutine.
func (l *Link) unreleased() (n int64) {
	for k := range l.holdingsUsed.Load() {
		if holding(l.holdings[k].Load()).active() {
			n++
		}
	}
	return n
}

// unpinSamples gives up what the samples had together. Close and the last release may both find that it is time.
func (l *Link) unpinSamples() {
	if l.samplesUnpinned.CompareAndSwap(false, true) {
		l.unpin()
	}
}

// close gives the ring up. Samples that are still held stay valid; the memory goes when the last one is released. Called
// once, by the goroutine that has the turn, or when there is none any more.
func (l *Link) close() {
	if l.kept != nil {
		return
	}
	// Beyond any sequence, so that no publisher waits for this subscription while a sample of it is held. Whether one sleeps
	// is not asked: that would be a look at memory that may be what the link is closed for.
	l.cursorWord.Store(math.MaxUint64)
	failpoint.At("disconnect.cursor")
	futex.Wake(l.cursorLow)
	failpoint.At("disconnect.wake")
	l.finalTakes.Store(l.takes + 1)
	if l.released.Load() == l.takes {
		l.unpinSamples()
	}
	l.unpin()
}

// pin keeps page and ring mapped until unpin. The caller knows that they are mapped now.
func (l *Link) pin() { l.pins.Add(1) }

// unpin is the last thing its caller does with page or ring: another goroutine may unmap them at once.
func (l *Link) unpin() {
	if l.pins.Add(-1) == 0 {
		if r := l.owner; r != nil {
			r.waitSet.mappedBytes.Add(-l.mappedBytes)
			r.waitSet.mappedArenas.Add(-l.mappedArenas)
		}
		l.freePage()
		l.view.close()
	}
}
