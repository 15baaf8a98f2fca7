package shmtransport

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// A pool owns a publisher's slots. Each slot is in one of four states: free, being written, in the ring, or retired. A
// retired slot has left the ring, but a reader's mark may still name it. The states are private to the publisher. The
// worst that another process can cause is that a slot stays retired.
type pool struct {
	store    store
	table    []byte // the arena table in the shared header
	arenas   []*arena
	total    int      // slots of all arenas
	retired  []slotID // oldest first
	held     []bool   // by number of the slot: scanMarks found a mark that names it
	loans    []uint64 // by number of the slot: loans begun plus loans ended; odd during a loan
	pinned   []bool   // by number of the slot: it holds the newest sample of a key; nil without keys
	reserved int64    // bytes of all arenas that have memory
	limit    int64    // upper bound of reserved
	max      int      // largest payload, bytes
	depth    int
	keyed    bool // the publisher has keys
}

// slotSizeFor returns the slot size for payloads of n bytes. Strides are powers of two up to 64 KiB, then steps of a
// sixteenth, so growing payloads need few arenas and waste little memory.
func slotSizeFor(n int) int {
	need := n + slotHeaderSize
	if need <= largeSlot {
		return max(minSlotStep, 1<<bits.Len(uint(need-1))) - slotHeaderSize
	}
	step := 1 << (bits.Len(uint(need-1)) - 5)
	return (need+step-1)/step*step - slotHeaderSize
}

// sizeFor is the slot size of a new arena for payloads of n bytes. Sizes get coarser as the arena table fills, so that
// slowly growing payloads do not use it up. No slot is larger than the largest payload needs, because readers reject
// such slots. Where few slots fit below the limit, the size is exact.
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

// alloc returns a free slot for n payload bytes without growing, or false. It takes the tightest fit. It uses large
// slots for small payloads only if wasteful is set.
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

// isEnding reports whether at most half of the arena of a slot is free, and no other arena can be added.
func (p *pool) isEnding(id slotID) bool {
	a := p.arenas[id.arena()]
	return len(a.free) <= a.slots/2 && p.limit-p.reserved < int64(slotHeaderSize+a.slotSize)
}

// free makes a slot free. No ring word and no mark may name it.
func (p *pool) free(id slotID) {
	a := p.arenas[id.arena()]
	a.free = append(a.free, id)
}

// beginLoan counts the loan of an allocated slot to the application and returns its generation, for endLoan.
func (p *pool) beginLoan(id slotID) (generation uint64) {
	n, _ := p.number(id)
	p.loans[n]++
	return p.loans[n]
}

// endLoan ends a loan. It returns false if that loan has ended before, whether or not the slot is on loan again.
func (p *pool) endLoan(id slotID, generation uint64) bool {
	if !p.isOnLoan(id, generation) {
		return false
	}
	n, _ := p.number(id)
	p.loans[n]++
	return true
}

// isOnLoan reports whether a loan has not ended.
func (p *pool) isOnLoan(id slotID, generation uint64) bool {
	n, _ := p.number(id)
	return p.loans[n] == generation
}

// retire records that a slot left the ring, and the key table if it was there. Readers that marked it before keep it.
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

// scanMarks records in held which slots the marks name now.
func (p *pool) scanMarks(from markSource) {
	clear(p.held)
	from.addMarks(p)
}

// A markSource calls addMark for every mark of every admitted reader. Marks are written by other processes and may have
// any value.
type markSource interface{ addMarks(p *pool) }

func (p *pool) addMark(mark uint32) {
	if n, ok := p.number(slotID(mark - 1)); ok {
		p.held[n] = true
	}
}

// wasHeld reports whether a mark named the slot at the last scanMarks.
func (p *pool) wasHeld(id slotID) bool {
	n, _ := p.number(id)
	return p.held[n]
}

// countHeld returns the number of slots that marks named at the last scanMarks.
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

// grow adds an arena for payloads of n bytes. Large slots are added a few at a time, and each further arena of the same
// size doubles their number, so the number of arenas stays small. must says that there is no other way to get a slot.
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

// wholeStepOnly reports whether an arena smaller than planned, for lack of space, is not worth an entry of the table.
// On a file system that is full from time to time, small arenas would soon use up the table.
func (p *pool) wholeStepOnly(n int, must bool) bool {
	used := len(p.arenas)
	if used < MaxArenas/4 || must && used < MaxArenas/4*3 {
		return false
	}
	return slices.ContainsFunc(p.arenas, func(a *arena) bool { return !a.punched && a.slotSize >= n })
}

// extraSlots is the number of slots of a pool beyond the ring's depth. More of them make reclaim run less often.
func (p *pool) extraSlots(stride int64) int {
	if stride <= 4096 {
		return max(8, p.depth)
	}
	return 4
}

// maxArena is the largest arena in bytes. An arena is one mapping, whose length, rounded to pages, is an int.
const maxArena = math.MaxInt - 1<<20

// addArena makes an arena of the given number of slots. If the limit or the file system does not allow it, the arena
// has fewer slots, at least one, unless wholeOnly is set.
func (p *pool) addArena(size, slots int, wholeOnly bool) error {
	stride := int64(slotHeaderSize + size)
	if len(p.arenas) == MaxArenas {
		return &errdefs.LimitError{What: "growth steps of one publisher", Limit: MaxArenas, Remedy: "set SampleSize to the size of the largest sample"}
	}
	room := p.limit - p.reserved
	if fit := min(room, maxArena) / stride; fit < int64(slots) {
		slots = int(fit)
	}
	if slots < 1 {
		return &NoSlotError{Needed: stride, Available: max(room, 0), Limit: p.limit}
	}
	off, b, err := p.store.grow(roundToPage(stride * int64(slots)))
	if full := asNoSlot(err); full != nil && slices.ContainsFunc(p.arenas, func(a *arena) bool { return a.punched }) {
		p.punchAgain()
		off, b, err = p.store.grow(roundToPage(stride * int64(slots)))
	}
	if full := asNoSlot(err); full != nil && slots > 1 && !wholeOnly {
		slots = int(min(int64(slots-1), max(1, full.Available/stride/2)))
		off, b, err = p.store.grow(roundToPage(stride * int64(slots)))
	}
	if errors.As(err, new(*errdefs.SpaceError)) && !wholeOnly && p.shrink(size, p.limit) {
		slots = 1
		off, b, err = p.store.grow(roundToPage(stride))
	}
	if full := asNoSlot(err); full != nil {
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
	if p.keyed {
		p.pinned = append(p.pinned, make([]bool, slots)...)
	}
	// Capacity for every slot, so that retire never allocates.
	p.retired = append(make([]slotID, 0, p.total), p.retired...)
	failpoint.At("grow.slots")
	return nil
}
