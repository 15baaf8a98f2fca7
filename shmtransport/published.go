package shmtransport

import (
	"encoding/binary"

	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// published is what a Reader knows of the publishing of its publishers: what they put into their rings, taken or not.
type published struct {
	stamp int64 // of the newest sample
	by    PublisherID
}

// seenRing is what was found when a ring was checked. Guarded by the Reader's mu.
type seenRing struct {
	newest uint64 // its newest sequence
	at     int64  // the time of that
}

// LastPublished returns when one of the publishers published last, as a stamp, and which one; 0 if none did. The Reader must have
// TrackPublished. The check ends at a publisher that published at recent or later. LastPublished may be called from any goroutine.
//
// Only a changed ring counts as publishing. The stamp of its newest sample then says when, unless that is in the future or before the
// last check: the publisher's memory may hold anything. In this case, and if the stamp cannot be read, the time is now.
func (r *Reader) LastPublished(recent int64) (stamp int64, by PublisherID) {
	r.mu.Lock() // a link in r.links or r.ended is mapped while mu is held
	defer r.mu.Unlock()
	now := r.clock.Now()
	for _, links := range [][]*Link{*r.links.Load(), r.ended} {
		for _, l := range links {
			if r.checkPublished(l, now); r.published.stamp >= recent {
				return r.published.stamp, r.published.by
			}
		}
	}
	return r.published.stamp, r.published.by
}

// checkPublished notes what the publisher of a link has published since the last check. Called with mu held.
func (r *Reader) checkPublished(l *Link, now int64) {
	if l.kept != nil {
		return // it was checked when it ended
	}
	l.guarded(func() {
		newest := l.newestPublished()
		if newest == l.seen.newest {
			return
		}
		stamp, ok := l.stampOf(newest)
		if !ok || stamp < l.seen.at || stamp > now {
			stamp = now
		}
		l.seen.newest = newest
		if stamp > r.published.stamp {
			r.published = published{stamp, l.id}
		}
	})
	l.seen.at = now
}

// newestPublished returns the newest sequence of a ring that may change, as far as head, cursor and one ring word tell.
func (l *Link) newestPublished() uint64 {
	newest := l.head.Load()
	if next := l.cursorWord.Load(); next > newest {
		newest = next - 1
	}
	if d := ring.Ahead(l.ring.Word(newest+1).Load(), newest+1); d >= 0 {
		newest += 1 + uint64(d)
	}
	return newest
}

// stampOf returns the publish stamp of a sequence that is in the ring. A slot is read through the file: mappings belong to the goroutine
// that has the lock.
func (l *Link) stampOf(seq uint64) (stamp int64, ok bool) {
	word := l.ring.Word(seq).Load()
	slot := uint32(word & ring.SlotMask)
	switch {
	case ring.Ahead(word, seq) != 0 || slot == ring.Withdrawn:
		return 0, false
	case slot >= ring.InEntry:
		var c ring.Copy
		ok = l.ring.Read(seq, &c, 0)
		return c.Stamp, ok
	}
	var a viewArena
	k, i := slotID(slot).arena(), uint32(slotID(slot).index())
	if k >= MaxArenas || l.readArena(k, &a) != nil || i >= a.slots {
		return 0, false
	}
	var h [slotHeaderSize]byte
	off := int64(a.off) + int64(uint64(i)*(slotHeaderSize+a.slotSize))
	if l.view.readAt(h[:], off) != nil || binary.NativeEndian.Uint64(h[slotOffSequence:]) != seq {
		return 0, false
	}
	return int64(binary.NativeEndian.Uint64(h[slotOffPublished:])), true
}
