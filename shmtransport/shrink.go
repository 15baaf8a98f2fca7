package shmtransport

import "github.com/shmbus/shmbus/internal/failpoint"

// Growing payloads leave slots behind that are too small. At the limit the memory of such slots is freed, and reserved
// again when small payloads need it. The arena keeps its range in the file and its entry in the table, so readers are
// not affected.

// shrink punches holes for arenas of slots smaller than size, all of whose slots are free, until need bytes are
// available below the limit. It reports whether anything was freed.
//
// No reader reads these slots: no ring word names them, and reclaim found no mark on them.
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

// punchAgain punches the holes of punched arenas once more. A process that touches a hole makes the kernel fill it, and
// read access is enough for that. Errors are ignored: there is no less space than before.
func (p *pool) punchAgain() {
	for _, a := range p.arenas {
		if a.punched {
			_ = p.store.punchHole(a.off, roundToPage(a.bytes()))
		}
	}
}

// evictable returns which arenas have smaller slots than payloads of n bytes need and no slot on loan, marked at the
// last scanMarks, or with the newest sample of a key. It returns nil if the memory of all of them is not enough. systemFull says that the file system is
// full and not the limit reached.
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
			candidates[k] = candidates[k] && !p.held[i] && p.loans[i]%2 == 0 && (!p.keyed || !p.pinned[i])
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

// restoreArena reserves memory again for a punched arena whose slots fit payloads of n bytes. That needs no new entry
// in the table and does not affect readers. When the table is full, slots that are far too large are used as well.
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
