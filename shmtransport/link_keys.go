package shmtransport

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// A keyScan is what a reader still takes from the key table of its publisher: the samples in a range of sequences that are the newest
// of their keys. The range is all before the reader's start, or what the reader lost. A reader takes them before the next sample of the
// ring, in the order of their sequences.
//
// A sample that is replaced in the table meanwhile is passed over: the newer one is in the ring, or is found by the scan after the
// reader lost it.
type keyScan struct {
	pending  []keyWord // the next one last
	from, to uint64    // the range; after a loss from is behind the last sample taken
	lost     bool      // the samples of the range that are not taken are lost
	open     bool      // a take has to end the scan: what is lost behind its last sample counts with the next one
}

// A keyWord is a word of the key table, as it was at the scan.
type keyWord struct {
	word  uint64
	entry uint32
}

// scanKeys begins to take the newest samples of keys whose sequences are from on and below to.
func (l *Link) scanKeys(from, to uint64, lost bool) {
	if len(l.keyTable) == 0 || to <= 1 {
		return
	}
	l.keys = l.findKeys(l.keys.pending[:0], from, to, lost)
}

// findKeys is scanKeys without an effect on the link. It appends to pending.
func (l *Link) findKeys(pending []keyWord, from, to uint64, lost bool) keyScan {
	for i := range l.keyTable {
		w := l.keyTable[i].Load()
		if w == 0 || lost && (ring.Ahead(w, from) < 0 || ring.Ahead(w, to) >= 0) {
			continue
		}
		pending = append(pending, keyWord{w, uint32(i)})
	}
	slices.SortFunc(pending, func(a, b keyWord) int { return cmp.Compare(behind(a.word, to), behind(b.word, to)) })
	failpoint.At("key.scan")
	return keyScan{pending, from, to, lost, true}
}

// behind returns how far the sequence in word is behind seq.
func behind(word, seq uint64) uint64 {
	return (seq<<ring.SlotBits - word&^ring.SlotMask) >> ring.SlotBits
}

// maxReplaced is the number of words of the key table that take passes over because they changed since the scan. Only a publisher that
// corrupts its table changes many words after each scan, and other publishers must not wait for that.
const maxReplaced = 4096

// takeKey takes the next sample of the key scan. At its end it returns noSample. It subtracts the words that it passes over from left,
// and returns lapped when none are left.
func (l *Link) takeKey(s *Sample, from int, left *int) (outcome, error) {
	for len(l.keys.pending) > 0 {
		if *left <= 0 {
			return lapped, nil
		}
		last := len(l.keys.pending) - 1
		w := l.keys.pending[last]
		o, err := l.acquireKey(s, w, from)
		if err != nil || o == heldLimit {
			return o, err
		}
		if o == lapped && l.keyTable[w.entry].Load() != w.word {
			*left--
		}
		l.keys.pending = l.keys.pending[:last]
		if o == taken {
			s.lost += l.keys.add(s.sequence)
			return taken, nil
		}
	}
	l.endKeyScan()
	return noSample, nil
}

// contains reports whether a sequence is in the range.
func (k *keyScan) contains(sequence uint64) bool {
	return sequence >= max(k.from, 1) && sequence < k.to
}

// add counts a sample of the range as taken, and returns the number of samples that were lost before it.
func (k *keyScan) add(sequence uint64) (lost uint64) {
	if k.lost {
		lost = sequence - k.from
		k.from = sequence + 1
	}
	return lost
}

// endKeyScan counts the rest of the range as lost, if the range was lost.
func (l *Link) endKeyScan() {
	if l.keys.lost {
		l.lost += l.keys.to - l.keys.from
	}
	l.keys = keyScan{pending: l.keys.pending[:0]}
}

// acquireKey is acquire for a sample in the key table. A sample outside of the range, or whose word has changed, is lapped.
func (l *Link) acquireKey(s *Sample, w keyWord, from int) (outcome, error) {
	at := &l.keyTable[w.entry]
	slot := uint32(w.word & ring.SlotMask)
	if slot >= ring.InEntry {
		return noSample, l.corrupt("word %d of the key table names no slot", w.entry)
	}
	if at.Load() != w.word {
		return lapped, nil
	}
	failpoint.At("take.load")
	k := l.freeMark(from)
	if k < 0 {
		return heldLimit, nil
	}
	if l.passive {
		seq := l.keySequence(&l.keys, w)
		if !l.keys.contains(seq) {
			return lapped, nil
		}
		return l.copySlot(s, k, seq, w.word, at)
	}
	l.raiseMarksUsed(k)
	l.marks[k].Store(slot + 1)
	failpoint.At("take.mark")
	if at.Load() != w.word {
		l.marks[k].Store(0)
		return lapped, nil
	}
	seq := l.keySequence(&l.keys, w)
	if !l.keys.contains(seq) {
		l.marks[k].Store(0)
		return lapped, nil
	}
	if err := l.readSlot(s, seq, slot); err != nil {
		l.marks[k].Store(0)
		return noSample, err
	}
	l.handOut(s, k, holdsSlot)
	return taken, nil
}

// keySequence returns the sequence of a sample in the key table, or 0 if it cannot be read. The word has all of a sequence in a range
// that was lost. A sample that is older may be further back than the bits of a word count.
func (l *Link) keySequence(scan *keyScan, w keyWord) uint64 {
	if scan.lost {
		return scan.to - behind(w.word, scan.to)
	}
	_, off, err := l.slotAt(uint32(w.word & ring.SlotMask))
	if err != nil {
		return 0
	}
	var h [slotOffSequence + 8]byte
	if l.view.readAt(h[:], off) != nil {
		return 0
	}
	seq := binary.NativeEndian.Uint64(h[slotOffSequence:])
	if ring.Ahead(w.word, seq) != 0 {
		return 0
	}
	return seq
}

// copyKeys copies the samples of a key scan to the link of a publisher that ended. Without success it returns false.
func (l *Link) copyKeys(remainder *Link, scan keyScan) bool {
	for _, w := range slices.Backward(scan.pending) {
		k := keptSample{sequence: l.keySequence(&scan, w)}
		if !scan.contains(k.sequence) || l.keyTable[w.entry].Load() != w.word {
			continue
		}
		if !l.copySlotTo(&k, uint32(w.word&ring.SlotMask), maxCopiedBytes-remainder.cost) {
			return false
		}
		k.lost = remainder.missing + scan.add(k.sequence)
		if !remainder.keep(k) {
			return false
		}
	}
	if scan.lost {
		remainder.missing += scan.to - scan.from
	}
	return true
}
