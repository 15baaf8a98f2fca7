package shmtransport

import "github.com/shmbus/shmbus/shmtransport/internal/ring"

// A slotID names a slot: the arena in the upper bits, the index within the arena in the lower.
type slotID uint32

func (id slotID) arena() int { return int(id >> ring.SlotIndexBits) }
func (id slotID) index() int { return int(id & (maxSlots - 1)) }

// An arena is a run of slots of one size. Larger payloads get new arenas. An arena never moves.
type arena struct {
	b        []byte
	off      int64 // in the store
	slotSize int   // payload bytes a slot can hold
	slots    int
	free     []slotID // slots that neither the ring, a loan nor a mark names
	base     int      // number of the first slot among all slots of the pool
	punched  bool     // its memory is a hole in the file; its slots are not free until restoreArena
}

func (a *arena) stride() int { return slotHeaderSize + a.slotSize }

// bytes is the memory that the slots take.
func (a *arena) bytes() int64 { return int64(a.stride()) * int64(a.slots) }

// fits reports whether the slots are large enough for payloads of n bytes and not far too large.
func (a *arena) fits(n int) bool { return a.slotSize >= n && (a.slotSize-largeSlot)/4 <= n }

// allFree reports whether all slots are free.
func (a *arena) allFree() bool { return !a.punched && len(a.free) == a.slots }

// freeAll makes all slots of arena k free.
func (a *arena) freeAll(k int) {
	for i := a.slots - 1; i >= 0; i-- {
		a.free = append(a.free, slotID(k<<ring.SlotIndexBits|i))
	}
}

// slot returns header and payload of a slot.
func (a *arena) slot(i int) []byte {
	n := a.stride()
	return a.b[i*n : (i+1)*n : (i+1)*n]
}
