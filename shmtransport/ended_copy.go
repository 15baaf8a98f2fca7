package shmtransport

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// A keptSample is a copy of a sample from the ring of a publisher that ended.
type keptSample struct {
	sequence uint64
	stamp    int64
	lost     uint64 // samples missing just before it
	payload  mem.Span
}

// copyRemaining copies the remaining samples of a publisher that ended to a Link without a ring. It fails where they
// are too many or something is invalid, which a later take reports. The link itself does not change.
func (l *Link) copyRemaining(maxHeld int) (_ *Link, ok bool) {
	remainder := &Link{phase: linkKept, id: l.id, readerID: l.readerID, userData: l.userData, owner: l.owner, cost: endedOverhead, missing: l.lost, delivered: l.delivered, cursorWord: new(atomic.Uint64)}
	newest := l.newest()
	at := l.cursor
	if depth := uint64(l.ring.Depth()); newest >= at && newest-at >= depth {
		remainder.missing += newest + 1 - depth - at
		at = newest + 1 - depth
	}
	for ; at <= newest; at++ {
		word := l.ring.Word(at).Load()
		slot := uint32(word & ring.SlotMask)
		if ring.Ahead(word, at) != 0 || slot == ring.Withdrawn {
			remainder.missing++
			continue
		}
		k := keptSample{sequence: at, lost: remainder.missing}
		var whole bool
		if slot >= ring.InEntry {
			whole = l.copyEntryTo(&k, int(slot-ring.InEntry))
		} else {
			whole = l.copySlotTo(&k, slot, maxCopiedBytes-remainder.cost)
		}
		remainder.cost += int64(k.payload.Len()) + sampleOverhead
		if !whole || remainder.cost > maxCopiedBytes {
			return nil, false
		}
		remainder.missing = 0
		remainder.kept = append(remainder.kept, k)
	}
	n := min(len(remainder.kept), maxHeld)
	remainder.holdings = make([]atomic.Uint64, n)
	for k := range remainder.holdings {
		remainder.holdings[k].Store(uint64(k))
	}
	return remainder, true
}

func (l *Link) copyEntryTo(k *keptSample, n int) bool {
	if n > ring.SmallPayload {
		return false
	}
	var c ring.Copy
	if !l.ring.Read(k.sequence, &c, n) {
		return false
	}
	payload := mem.Alloc(n)
	copy(payload, mem.SpanOfWords(c.Words[:], n).Bytes())
	k.stamp, k.payload = c.Stamp, mem.SpanOf(payload)
	return true
}

// copySlotTo copies up to limit bytes. It reads the file, as copySlot does.
func (l *Link) copySlotTo(k *keptSample, slot uint32, limit int64) bool {
	a, off, err := l.slotAt(slot)
	if err != nil {
		return false
	}
	var h [slotHeaderSize]byte
	if l.view.readAt(h[:], off) != nil || binary.NativeEndian.Uint64(h[slotOffSequence:]) != k.sequence {
		return false
	}
	n := binary.NativeEndian.Uint64(h[slotOffLength:])
	if n > a.slotSize || limit < 0 || n > uint64(limit) {
		return false
	}
	payload := mem.Alloc(int(n))
	if l.view.readAt(payload, off+slotHeaderSize) != nil {
		return false
	}
	k.stamp, k.payload = int64(binary.NativeEndian.Uint64(h[slotOffPublished:])), mem.SpanOf(payload)
	return true
}

// takeKept is take for a link without a ring.
func (l *Link) takeKept(s *Sample) outcome {
	next := l.cursorWord.Load()
	if next == uint64(len(l.kept)) {
		return noSample
	}
	o := l.handOutKept(s, next)
	if o == taken {
		s.lost += l.kept[next].lost
		l.cursorWord.Store(next + 1)
	}
	return o
}

// latestKept is latest for a link without a ring.
func (l *Link) latestKept(s *Sample) (_ outcome, fresh bool) {
	all := uint64(len(l.kept))
	o := l.handOutKept(s, all-1)
	if o != taken {
		return o, false
	}
	if fresh = l.cursorWord.Swap(all) < all; fresh {
		l.missing = 0
	} else {
		l.lost, s.lost = s.lost, 0 // counted with the next fresh sample
	}
	return taken, fresh
}

// handOutKept gives the i-th kept sample to the application.
func (l *Link) handOutKept(s *Sample, i uint64) outcome {
	m := l.freeMark(0)
	if m < 0 {
		return heldLimit
	}
	k := &l.kept[i]
	s.sequence, s.stamp, s.payload = k.sequence, k.stamp, k.payload
	l.handOut(s, m, holdsCopy)
	return taken
}

// remaining returns the number of samples of an ended publisher that were not taken, and of those that are missing
// among them.
func (l *Link) remaining() (samples, missing uint64) {
	if l.phase != linkKept {
		n := l.untaken()
		samples = min(n, uint64(l.ring.Depth()))
		return samples, n - samples
	}
	kept := l.kept[l.cursorWord.Load():]
	for _, k := range kept {
		missing += k.lost
	}
	return uint64(len(kept)), missing + l.missing
}
