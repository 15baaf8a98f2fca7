package shmtransport

import "github.com/shmbus/shmbus/internal/failpoint"

// Payloads that grow leave slots behind that are too small for what comes. At the limit their memory is given back, and taken
// again when small payloads need it. The arena keeps its place in the file and its entry in the table, so readers notice
// nothing.

// shrink gives the memory of arenas of slots smaller than size back, as long as nobody has any of these slots and there are
// not need bytes below the limit. It reports whether there is more room than before.
//
// No reader reads these slots: no ring word names them, and reclaim saw no mark of who found them in the ring before.
func (p *pool) shrink(size int, need int64) (more bool) {
	for _, a := range p.arenas {
		if p.limit-p.reserved >= need {
			break
		}
		if a.slotSize >= size || !a.allFree() {
			continue
		}
		if p.store.punchHole(a.off, roundToPage(a.bytes())) != nil {
			continue
		}
		failpoint.At("shrink.hole")
		a.free, a.punched = a.free[:0], true
		p.reserved -= a.bytes()
		more = true
	}
	return more
}

// punchAgain gives the memory of arenas that are empty back once more. A process that touches a hole makes the kernel fill it, and a
// user who may only read can do so. Errors do not matter: there is no less room than before.
func (p *pool) punchAgain() {
	for _, a := range p.arenas {
		if a.punched {
			_ = p.store.punchHole(a.off, roundToPage(a.bytes()))
		}
	}
}

// evictable tells the arenas of smaller slots than payloads of n bytes need, none of whose slots a reader or a loan has,
// as far as look saw. It returns nil if the memory of all of them would not do. systemFull says that it is not the limit
// that is in the way.
func (p *pool) evictable(n int, systemFull bool) []bool {
	if len(p.arenas) == MaxArenas {
		return nil
	}
	size := p.sizeFor(n)
	room := p.limit - p.reserved
	if systemFull {
		room = 0
	}
	candidates := make([]bool, len(p.arenas))
	for k, a := range p.arenas {
		if a.punched || a.slotSize >= size {
			continue
		}
		candidates[k] = true
		for i := a.base; i < a.base+a.slots; i++ {
			candidates[k] = candidates[k] && !p.held[i] && p.loans[i]%2 == 0
		}
		if candidates[k] {
			room += a.bytes()
		}
	}
	if room < int64(slotHeaderSize+size) {
		return nil
	}
	return candidates
}

// restoreArena takes memory back for an arena without it whose slots suit payloads of n bytes. That needs no new entry in the
// table, and readers notice nothing. When no entry is left, slots that are far too large will do.
func (p *pool) restoreArena(n int) bool {
	best, last := -1, len(p.arenas) == MaxArenas
	for k, a := range p.arenas {
		if a.punched && (a.fits(n) || last && a.slotSize >= n) && p.reserved+a.bytes() <= p.limit && (best < 0 || a.slotSize < p.arenas[best].slotSize) {
			best = k
		}
	}
	if best < 0 {
		return false
	}
	a := p.arenas[best]
	if p.store.fillHole(a.off, roundToPage(a.bytes())) != nil {
		return false
	}
	failpoint.At("shrink.reserve")
	a.punched = false
	a.freeAll(best)
	p.reserved += a.bytes()
	failpoint.At("shrink.slots")
	return true
}
