package shmtransport

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// maxPassiveSample is the largest sample that is copied for a passive link, bytes. A size in the publisher's memory
// must not exhaust this process's memory, so it is also limited by the memory that the publisher's file takes according
// to the kernel.
const maxPassiveSample = 1 << 30

// ConnectPassive is Connect for a process with read access only. It sends no request and needs no reader file. The
// publisher does not know of this reader and respects no marks, so samples are copied and then checked for being still
// in the ring. The publisher does not ring for it either: CheckPassive must be called at intervals.
// Lossless has no effect.
//
// History counts from the samples in the ring now, or, with AllHistory, from the first sample ever.
func (r *Reader) ConnectPassive(q ConnectOptions) error {
	if r.isLinked(q.Publisher) {
		return nil
	}
	l, err := q.openPublisher(nil)
	if err != nil {
		return err
	}
	l.attach(mem.Alloc(linkPageSize), r.opts.MaxHeld)
	l.userData = q.UserData
	l.passive = true
	l.history = q.history()
	if !l.guarded(func() { l.begin(l.startWithoutAdmission()) }) {
		err := truncatedError(l.view)
		l.view.close()
		return err
	}
	r.addLink(l, func() {})
	return nil
}

// CheckPassive wakes a waiting receive if a passively connected publisher has a new sample.
func (r *Reader) CheckPassive() {
	if r.anyPassiveReady() {
		r.Wake()
	}
}

func (r *Reader) anyPassiveReady() bool {
	r.mu.Lock() // a link in r.links is mapped while mu is held
	defer r.mu.Unlock()
	for _, l := range *r.links.Load() {
		if !l.passive {
			continue
		}
		news := false
		if !l.guarded(func() {
			at := l.cursorWord.Load()
			news = ring.Ahead(l.ring.Word(at).Load(), at) >= 0 || l.ended()
		}) || news {
			return true // a receiving goroutine finds errors, too
		}
	}
	return false
}

// PassiveInterval is the recommended interval of CheckPassive. A ring of the default depth holds what a publisher of 16 kHz
// writes in that time.
const PassiveInterval = time.Millisecond

// copySlot copies the sample of a sequence out of the slot that word, loaded from at, names. The publisher may reuse the slot
// meanwhile, but not before it has replaced the word. If the word is the same after the copy, the copy is of the sample
// that it names.
//
// The slot is read through the file and not a mapping: a punched slot has no memory, and an access through a mapping
// would allocate some or fail.
func (l *Link) copySlot(s *Sample, k int, seq, word uint64, at *atomic.Uint64) (outcome, error) {
	unchanged := func() bool {
		l.fenceWord.Add(1) // the reads come before the load of the word
		return at.Load() == word
	}
	a, off, err := l.slotAt(uint32(word & ring.SlotMask))
	if err != nil {
		return noSample, err
	}
	var h [slotHeaderSize]byte
	err = l.view.readAt(h[:], off)
	switch {
	case !unchanged():
		return lapped, nil
	case err != nil:
		return noSample, l.corrupt("slot of sequence %d: %v", seq, err)
	}
	holds := binary.NativeEndian.Uint64(h[slotOffSequence:])
	n := binary.NativeEndian.Uint64(h[slotOffLength:])
	switch {
	case holds != seq:
		return noSample, l.corrupt("slot of sequence %d holds sequence %d", seq, holds)
	case n > a.slotSize:
		return noSample, l.corrupt("sample %d has %d bytes in a slot of %d", seq, n, a.slotSize)
	case n > maxPassiveSample:
		return noSample, &TooLargeError{Size: int64(n), Limit: maxPassiveSample, ReadOnly: true}
	}
	backed, err := l.view.backed()
	switch {
	case !unchanged():
		return lapped, nil // the slot may have been punched
	case err != nil:
		return noSample, l.corrupt("slot of sequence %d: %v", seq, err)
	case int64(n) > backed:
		return noSample, l.corrupt("sample %d has %d bytes, and the whole file takes %d", seq, n, backed)
	}
	payload := mem.Alloc(int(n))
	err = l.view.readAt(payload, off+slotHeaderSize)
	switch {
	case !unchanged():
		return lapped, nil
	case err != nil:
		return noSample, l.corrupt("slot of sequence %d: %v", seq, err)
	}
	s.sequence, s.stamp, s.payload = seq, int64(binary.NativeEndian.Uint64(h[slotOffPublished:])), mem.SpanOf(payload)
	l.handOut(s, k, holdsCopy)
	return taken, nil
}

// slotAt returns the arena of a slot and the slot's offset in the file.
func (l *Link) slotAt(slot uint32) (*viewArena, int64, error) {
	k := int(slot >> ring.SlotIndexBits)
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

// openPublisher opens a publisher's file and checks its identity. wake is the mapping of the publisher's wake file,
// which the link takes over, or nil for a passive link.
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

// checkAccept calls accept with the owner of a file, as the kernel reports it.
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
