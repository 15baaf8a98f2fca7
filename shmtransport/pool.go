package shmtransport

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// A pool owns a publisher's slots. Each is at any time in one place: free, being written, in the ring, or retired, which
// means that it left the ring and a reader's mark may still name it. All of this is private to the publisher; no other
// process can make the pool forget or give out a slot, only keep it retired.
type pool struct {
	store    store
	table    []byte // the arena table in the shared header
	arenas   []*arena
	total    int      // slots of all arenas
	retired  []slotID // oldest first
	held     []bool   // what look saw, by number of the slot
	loans    []uint64 // how often each slot was lent and given back, by number; odd while it is lent
	reserved int64    // bytes of all arenas
	limit    int64    // the most taken may become
	max      int      // largest payload, bytes
	depth    int
}

// slotSizeFor returns the slot size given to payloads of n bytes: strides are powers of two up to 64 KiB, then steps of a
// sixteenth, so that growing payloads need few steps and waste little.
func slotSizeFor(n int) int {
	need := n + slotHeaderSize
	if need <= largeSlot {
		return max(minSlotStep, 1<<bits.Len(uint(need-1))) - slotHeaderSize
	}
	step := 1 << (bits.Len(uint(need-1)) - 5)
	return (need+step-1)/step*step - slotHeaderSize
}

// sizeFor is the slot size of a new arena for payloads of n bytes. The more entries of the table are used, the coarser the
// sizes are, so that there is one left however slowly payloads grow. No reader believes in slots that are larger than the
// largest payload needs, and where few fit below the limit none is made larger than need be.
func (p *pool) sizeFor(n int) int {
	size := slotSizeFor(n)
	need := int64(n) + slotHeaderSize
	step := int64(1) << (bits.Len64(uint64(need)) - 1)
	if len(p.arenas) < MaxArenas/4 || size <= largeSlot || need > p.limit/8 {
		return size
	}
	if len(p.arenas) < MaxArenas/2 {
		step /= 4
	}
	coarse := (need+step-1)/step*step - slotHeaderSize
	return int(max(int64(size), min(coarse, int64(slotSizeFor(p.max)))))
}

// alloc returns a free slot for n payload bytes without growing, or false. It prefers the tightest fit and does not use up
// large slots for small payloads unless wasteful.
func (p *pool) alloc(n int, wasteful bool) (slotID, bool) {
	best := -1
	for i, a := range p.arenas {
		if len(a.free) == 0 || a.slotSize < n || !wasteful && !a.fits(n) {
			continue
		}
		if best < 0 || a.slotSize < p.arenas[best].slotSize {
			best = i
		}
	}
	if best < 0 {
		return 0, false
	}
	a := p.arenas[best]
	id := a.free[len(a.free)-1]
	a.free = a.free[:len(a.free)-1]
	return id, true
}

// free makes a slot free that no ring word and no mark names.
func (p *pool) free(id slotID) {
	a := p.arenas[id.arena()]
	a.free = append(a.free, id)
}

// beginLoan notes that the application has a slot that take returned, and returns what punchHole wants to hear.
func (p *pool) beginLoan(id slotID) (use uint64) {
	n, _ := p.number(id)
	p.loans[n]++
	return p.loans[n]
}

// punchHole ends a loan. It is false when that loan ended before, whatever became of the slot since.
func (p *pool) endLoan(id slotID, use uint64) bool {
	n, _ := p.number(id)
	if p.loans[n] != use {
		return false
	}
	p.loans[n]++
	return true
}

// retire takes note that a slot left the ring. Readers that marked it before keep it.
func (p *pool) retire(id slotID) { p.retired = append(p.retired, id) }

// reclaim frees the retired slots that no mark names.
func (p *pool) reclaim(from markSource) (freed int) {
	if len(p.retired) == 0 {
		return 0
	}
	p.scanMarks(from)
	failpoint.At("reclaim.look")
	kept := p.retired[:0]
	for _, id := range p.retired {
		if p.wasHeld(id) {
			kept = append(kept, id)
			continue
		}
		p.free(id)
		freed++
	}
	p.retired = kept
	failpoint.At("reclaim.free")
	return freed
}

// scanMarks notes which slots marks name now.
func (p *pool) scanMarks(from markSource) {
	clear(p.held)
	from.addMarks(p)
}

// A markSource calls note for every mark of every admitted reader. The marks are other processes' bytes and may say anything.
type markSource interface{ addMarks(p *pool) }

func (p *pool) addMark(mark uint32) {
	if n, ok := p.number(slotID(mark - 1)); ok {
		p.held[n] = true
	}
}

// wasHeld reports whether a mark named the slot when look was called last.
func (p *pool) wasHeld(id slotID) bool {
	n, _ := p.number(id)
	return p.held[n]
}

// countHeld returns how many slots marks named when look was called last.
func (p *pool) countHeld() (n int) {
	for _, held := range p.held {
		if held {
			n++
		}
	}
	return n
}

// number returns the position of a slot among all slots of the pool.
func (p *pool) number(id slotID) (int, bool) {
	if id.arena() >= len(p.arenas) {
		return 0, false
	}
	a := p.arenas[id.arena()]
	return a.base + id.index(), id.index() < a.slots
}

// grow adds an arena for payloads of n bytes. Few large slots are added at a time, and each step for the same size adds as
// many as there are, so the number of steps stays small whatever readers hold. must says that there is no other way to a slot.
func (p *pool) grow(n int, must bool) error {
	size := p.sizeFor(n)
	stride := int64(slotHeaderSize + size)
	if p.limit-p.reserved < stride {
		p.shrink(size, stride)
	}
	if p.restoreArena(n) {
		return nil
	}
	have := 0
	for _, a := range p.arenas {
		if a.slotSize == size && !a.punched {
			have += a.slots
		}
	}
	want := p.depth + p.extraSlots(stride)
	add := have
	switch {
	case have == 0:
		add = min(want, int(max(1, firstGrowth/stride)))
	case have < want && len(p.arenas) >= MaxArenas/4:
		add = want - have
	case have < want:
		add = min(have, want-have)
	default:
		add = max(1, have/2)
	}
	return p.addArena(size, min(add, maxSlots), p.wholeStepOnly(n, must))
}

// wholeStepOnly reports whether a step that is smaller than it should be, for want of room, is not worth an entry of the table. On a
// file system that is full now and then there would soon be none left, and none when there is room again.
func (p *pool) wholeStepOnly(n int, must bool) bool {
	used := len(p.arenas)
	if used < MaxArenas/4 || must && used < MaxArenas/4*3 {
		return false
	}
	return slices.ContainsFunc(p.arenas, func(a *arena) bool { return !a.punched && a.slotSize >= n })
}

// extraSlots is how many slots a pool has beyond the ring's: with more of them, reclaim runs less often.
func (p *pool) extraSlots(stride int64) int {
	if stride <= 4096 {
		return max(8, p.depth)
	}
	return 4
}

// maxArena is how many bytes an arena has at most: it is one mapping, whose length, rounded to pages, is an int.
const maxArena = math.MaxInt - 1<<20

// addArena makes an arena of slots slots, or of as many as the limit and the file system allow, at least one, unless sparing says
// that fewer are not worth it.
func (p *pool) addArena(size, slots int, wholeOnly bool) error {
	stride := int64(slotHeaderSize + size)
	if len(p.arenas) == MaxArenas {
		return &LimitError{What: "growth steps of one publisher", Limit: MaxArenas, Remedy: "set SampleSize to the size of the largest sample"}
	}
	room := p.limit - p.reserved
	if fit := min(room, maxArena) / stride; fit < int64(slots) {
		slots = int(fit)
	}
	if slots < 1 {
		return &NoSpaceError{Needed: stride, Available: max(room, 0), Limit: p.limit}
	}
	off, b, err := p.store.grow(roundToPage(stride * int64(slots)))
	if full := asNoSpace(err); full != nil && slices.ContainsFunc(p.arenas, func(a *arena) bool { return a.punched }) {
		p.punchAgain()
		off, b, err = p.store.grow(roundToPage(stride * int64(slots)))
	}
	if full := asNoSpace(err); full != nil && slots > 1 && !wholeOnly {
		slots = int(min(int64(slots-1), max(1, full.Available/stride/2)))
		off, b, err = p.store.grow(roundToPage(stride * int64(slots)))
	}
	if errors.As(err, new(*SpaceError)) && !wholeOnly && p.shrink(size, p.limit) {
		slots = 1
		off, b, err = p.store.grow(roundToPage(stride))
	}
	if full := asNoSpace(err); full != nil {
		full.Needed, full.Limit = stride, p.limit
		return full
	}
	if err != nil {
		return fmt.Errorf("add slots of %d bytes: %w", size, err)
	}
	failpoint.At("grow.reserve")

	k := len(p.arenas)
	a := &arena{b: b, off: off, slotSize: size, slots: slots, base: p.total, free: make([]slotID, 0, slots)}
	a.freeAll(k)
	e := p.table[k*arenaEntrySize:]
	mem.Uint64(e, arenaOffOffset).Store(uint64(off))
	mem.Uint64(e, arenaOffSlotSize).Store(uint64(size))
	mem.Uint32(e, arenaOffSlots).Store(uint32(slots))
	failpoint.At("grow.entry")
	p.arenas = append(p.arenas, a)
	p.total += slots
	p.reserved += a.bytes()
	p.held = make([]bool, p.total)
	p.loans = append(p.loans, make([]uint64, slots)...)
	// Room for every slot, so that retiring one never allocates.
	p.retired = append(make([]slotID, 0, p.total), p.retired...)
	failpoint.At("grow.slots")
	return nil
}
