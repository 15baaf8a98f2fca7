package shmtransport

import (
	"encoding/binary"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// maxPassiveSample is the largest sample that is copied for a link that only watches, bytes. What a publisher says is the size of a
// sample must not make this process run out of memory: it is believed no more than the kernel says that the publisher's own file
// takes.
const maxPassiveSample = 1 << 30

// ConnectPassive is Connect for whoever may only read: it asks the publisher for nothing, and has no file. Nobody watches this reader's
// marks, so samples are copied out and then it is looked whether they were still there. Nobody rings for it either: Poll has to
// be called at intervals. The publisher does not know of it, so Lossless has no meaning.
//
// History is what is in the ring at this moment, or, with AllHistory, everything.
func (r *Reader) ConnectPassive(q ConnectOptions) error {
	if r.isLinked(q.Publisher) {
		return nil
	}
	l, err := q.openPublisher(nil)
	if err != nil {
		return err
	}
	l.attach(mem.Alloc(linkPageSize), r.opts.MaxHeld)
	l.tag = q.Tag
	l.passive = true
	l.history = q.history()
	if !l.guarded(func() { l.begin(startFor(uint64(l.history), l.newest(), l.ring.depth())) }) {
		err := truncatedError(l.view)
		l.view.close()
		return err
	}
	r.addLink(l)
	return nil
}

// Poll wakes whoever receives if a publisher that is only watched has something new.
func (r *Reader) Poll() {
	if r.anyPassiveReady() {
		r.Wake()
	}
}

func (r *Reader) anyPassiveReady() bool {
	r.mu.Lock() // a link that is in r.links while mu is held is mapped
	defer r.mu.Unlock()
	for _, l := range *r.links.Load() {
		if !l.passive {
			continue
		}
		news := false
		if !l.guarded(func() {
			at := l.cursorWord.Load()
			news = ahead(l.ring.word(at).Load(), at) >= 0 || l.ended()
		}) || news {
			return true // who receives finds out what is wrong, too
		}
	}
	return false
}

// PollInterval is how often Poll should be called. A ring of the default depth holds what a publisher of 16 kHz writes in it.
const PollInterval = time.Millisecond

// copySlot copies the sample at the cursor out of a slot that word names. Nobody sees that it is read, so it may be rewritten
// meanwhile; but a slot is not rewritten before another word is in its place in the ring. So if the same word is there after
// the copy was made, the copy is of what it names.
//
// It is read from the file and not through a mapping: a slot that was given back has no memory, and to look at it would take
// some, which there may be none of.
func (l *Link) copySlot(s *Sample, k int, word uint64) (outcome, error) {
	unchanged := func() bool {
		l.fence.Add(1) // what was read was read before the word is looked at again
		return l.ring.word(l.cursor).Load() == word
	}
	a, off, err := l.slotAt(uint32(word & slotMask))
	if err != nil {
		return noSample, err
	}
	var h [slotHeaderSize]byte
	err = l.view.readAt(h[:], off)
	switch {
	case !unchanged():
		return lapped, nil
	case err != nil:
		return noSample, l.corrupt("slot of sequence %d: %v", l.cursor, err)
	}
	seq := binary.NativeEndian.Uint64(h[slotOffSequence:])
	n := binary.NativeEndian.Uint64(h[slotOffLength:])
	switch {
	case seq != l.cursor:
		return noSample, l.corrupt("slot of sequence %d holds sequence %d", l.cursor, seq)
	case n > a.slotSize:
		return noSample, l.corrupt("sample %d has %d bytes in a slot of %d", seq, n, a.slotSize)
	case n > maxPassiveSample:
		return noSample, &TooLargeError{Size: int64(n), Limit: maxPassiveSample, ReadOnly: true}
	}
	backed, err := l.view.backed()
	switch {
	case !unchanged():
		return lapped, nil // the slot may have been given back
	case err != nil:
		return noSample, l.corrupt("slot of sequence %d: %v", l.cursor, err)
	case int64(n) > backed:
		return noSample, l.corrupt("sample %d has %d bytes, and the whole file takes %d", seq, n, backed)
	}
	payload := mem.Alloc(int(n))
	err = l.view.readAt(payload, off+slotHeaderSize)
	switch {
	case !unchanged():
		return lapped, nil
	case err != nil:
		return noSample, l.corrupt("slot of sequence %d: %v", l.cursor, err)
	}
	s.sequence, s.stamp, s.payload = seq, int64(binary.NativeEndian.Uint64(h[slotOffPublished:])), mem.SpanOf(payload)
	l.handOut(s, k, holdsCopy)
	return taken, nil
}

// slotAt returns the arena of a slot and where in the file the slot begins.
func (l *Link) slotAt(slot uint32) (*viewArena, int64, error) {
	k := int(slot >> slotIndexBits)
	if k >= MaxArenas {
		return nil, 0, l.corrupt("arena %d of at most %d", k, MaxArenas)
	}
	a := &l.arenas[k]
	if a.slots == 0 {
		if err := l.readArena(k, a); err != nil {
			return nil, 0, err
		}
	}
	i := slot & (maxSlots - 1)
	if i >= a.slots {
		return nil, 0, l.corrupt("slot %d of arena %d, which has %d", i, k, a.slots)
	}
	return a, int64(a.off) + int64(uint64(i)*(slotHeaderSize+a.slotSize)), nil
}

// openPublisher opens a publisher's file, if it is whose it should be. wake is the mapping of the publisher's wake file, which it takes
// over, and nil for a link that only watches.
func (q *ConnectOptions) openPublisher(wake *wakeMap) (*Link, error) {
	view, err := openFileView(q.Path)
	if err != nil {
		wake.release()
		return nil, err
	}
	if wake != nil {
		view.useBell(wake, q.Publisher.Number)
	}
	if err := checkAccept(q.Accept, view.file); err != nil {
		view.close()
		return nil, err
	}
	l, err := openLink(view, q.Publisher)
	if err != nil {
		view.close()
		return nil, err
	}
	return l, nil
}

func (q *ConnectOptions) history() uint32 {
	if q.AllHistory {
		return historyAll
	}
	return uint32(min(max(int64(q.History), 0), int64(historyAll)-1))
}

func (r *Reader) isLinked(id PublisherID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.linked[id]
}

// checkAccept asks about the user whom the kernel calls the owner of a file.
func checkAccept(accept func(path string, uid int) error, f *shm.File) error {
	if accept == nil {
		return nil
	}
	owner, err := f.Owner()
	if err != nil {
		return err
	}
	return accept(f.Path(), owner.UID)
}
