package shmtransport

import (
	"math"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
)

// freeMark returns an unused mark, -1 if there is none. Only the goroutine that has the turn sets marks. Whoever clears one
// ends its use first.
func (l *Link) freeMark() int { return l.freeFrom(0) }

// freeFrom is freeMark for marks from number k on.
func (l *Link) freeFrom(k int) int {
	for ; k < len(l.uses); k++ {
		if !use(l.uses[k].Load()).inUse() && l.marks[k].Load() == 0 {
			return k
		}
	}
	return -1
}

// useMark lets the publisher look at mark k, before it is set.
func (l *Link) useMark(k int) {
	if uint32(k) >= l.highWater {
		l.highWater = uint32(k) + 1
		l.marksUsed.Store(l.highWater)
		failpoint.At("take.used")
	}
}

// release ends a use. It may be called from any goroutine. Only what was marked pins the ring and our page in memory, and
// only then they are touched here.
func (l *Link) release(u use) {
	k := u.mark()
	if !l.uses[k].CompareAndSwap(uint64(u), uint64(u.next())) {
		return // released before
	}
	if l.owner != nil {
		l.owner.changed()
	}
	if u&marked == 0 {
		return
	}
	mem.Release32(&l.marks[k], 0)
	failpoint.At("take.release")
	if n := l.released.Add(1); n+1 == l.final.Load() {
		l.drain()
	}
}

// unreleased is how many samples the application holds. It may be called from any goroutine.
func (l *Link) unreleased() (n int64) {
	for k := range l.usedUp.Load() {
		if use(l.uses[k].Load()).inUse() {
			n++
		}
	}
	return n
}

// drain gives up what the samples had together. Close and the last release may both find that it is time.
func (l *Link) drain() {
	if l.drained.CompareAndSwap(false, true) {
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
	l.final.Store(l.takes + 1)
	if l.released.Load() == l.takes {
		l.drain()
	}
	l.unpin()
}

// pin keeps page and ring mapped until unpin. The caller knows that they are mapped now.
func (l *Link) pin() { l.users.Add(1) }

// unpin is the last thing its caller does with page or ring: another goroutine may unmap them at once.
func (l *Link) unpin() {
	if l.users.Add(-1) == 0 {
		if r := l.owner; r != nil {
			r.waits.mapped.Add(-l.mapped)
			r.waits.pieces.Add(-l.pieces)
		}
		l.free()
		l.view.close()
	}
}
