package shmtransport

import (
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
)

// A viewArena is one arena of the publisher as this process mapped it.
type viewArena struct {
	b        []byte // nil for a passive link
	off      uint64
	slotSize uint64
	slots    uint32
}

// starve suspends the link until retry is set. Its cursor stays; samples replaced meanwhile count as lost, as for every
// late reader.
func (l *Link) starve() { l.phase = linkStarved }

// maxMappedBytes is the number of bytes of publishers' slots that one participant maps: half of the addresses of a
// 32-bit program, an eighth of those of a 64-bit program. A sparse file can claim more at no cost to its owner, and
// would leave no addresses for the heap.
const maxMappedBytes = 1<<(31+13*(^uint(0)>>63)) - 1

// mapArena maps an arena when a ring word first names it.
func (l *Link) mapArena(k int, a *viewArena) error {
	if err := l.readArena(k, a); err != nil {
		return err
	}
	n := (slotHeaderSize + a.slotSize) * uint64(a.slots)
	if n != uint64(int(n)) || int(n) < 0 {
		return l.corrupt("arena %d of %d bytes does not fit this process", k, n)
	}
	all, arenas := l.addMapped(int64(n), 1)
	switch {
	case arenas > maxMappedArenas:
		l.addMapped(-int64(n), -1)
		return &errdefs.LimitError{What: fmt.Sprintf("pieces of memory of publishers, with one more of %v", l.id), Limit: maxMappedArenas, Remedy: "subscribe to fewer publishers in one process, or set their SampleSize"}
	case all > maxMappedBytes:
		l.addMapped(-int64(n), -1)
		return &errdefs.LimitError{What: fmt.Sprintf("bytes of memory of publishers, with %d of %v", n, l.id), Limit: maxMappedBytes, Remedy: "subscribe to fewer publishers in one process"}
	}
	b, err := l.view.window(int64(a.off), int(n))
	if err != nil {
		l.addMapped(-int64(n), -1)
	}
	if errors.As(err, new(*errdefs.MemoryError)) {
		return err // this process lacks memory; the publisher is not at fault
	}
	if err != nil {
		return l.corrupt("arena %d: %v", k, err)
	}
	a.b = b
	return nil
}

// maxMappedArenas is the number of arenas that one participant maps: half of the mappings that Linux allows a process.
// One publisher may have 127 arenas and one participant hundreds of publishers; a Go program that reaches the limit of
// mappings crashes.
const maxMappedArenas = 1 << 15

// addMapped adds n bytes in the given number of arenas to what the link maps, and returns the totals of all links of
// the participant.
func (l *Link) addMapped(n, arenas int64) (allBytes, allArenas int64) {
	l.mappedBytes, l.mappedArenas = l.mappedBytes+n, l.mappedArenas+arenas
	if l.owner == nil {
		return l.mappedBytes, l.mappedArenas
	}
	w := l.owner.waitSet
	return w.mappedBytes.Add(n), w.mappedArenas.Add(arenas)
}

// readArena reads and checks, once, the position and the size of an arena.
func (l *Link) readArena(k int, a *viewArena) error {
	e := l.arenaTable[k*arenaEntrySize : (k+1)*arenaEntrySize]
	off := mem.Uint64(e, arenaOffOffset).Load()
	size := mem.Uint64(e, arenaOffSlotSize).Load()
	slots := mem.Uint32(e, arenaOffSlots).Load()
	if off == 0 || off > 1<<50 || size == 0 || size%slotAlign != 0 || size > l.limit || slots == 0 || slots > maxSlots {
		return l.corrupt("arena %d at %d: %d slots of %d bytes", k, off, slots, size)
	}
	a.off, a.slotSize, a.slots = off, size, slots
	return nil
}
