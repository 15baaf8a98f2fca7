package shmtransport

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A PublisherID names one publisher of a domain. It is never reused.
type PublisherID struct {
	Participant uint64
	Number      uint32 // unique within the participant
}

func (id PublisherID) String() string { return fmt.Sprintf("%016x.%d", id.Participant, id.Number) }

// A LinkRequest is a reader's request for a link, read from the reader's directory.
type LinkRequest struct {
	Reader       uint64 // participant id
	Link         uint32 // index in the reader's directory
	Generation   uint32
	Publisher    PublisherID
	Subscription uint32 // number within the reader's participant
	History      uint32 // past samples that it asks for; historyAll = all
	Lossless     bool
	Timeout      time.Duration // how long a publish waits for a lossless reader
	Declined     bool          // the subscription refuses this publisher
	Path         string        // the reader's file, for errors
}

// A remoteReader is an admitted reader as its publisher sees it. All words are written by the reader's process and may
// change to any value at any time. The worst effect is that memory stays in use or that a publish waits.
type remoteReader struct {
	req        LinkRequest
	page       []byte
	unmap      func()      // unmaps page
	marksValid func() bool // set when the reader's participant left: reports whether the marks are still valid
	entry      int         // in the admission table

	armed  *atomic.Uint32
	cursor *atomic.Uint64
	resets *atomic.Uint32
	marks  []atomic.Uint32

	answeredArmed uint32 // the armed word for which the reader was woken last
	wakeAgain     uint64 // the sequence at which a reader that still rests is woken again
	floor         uint64 // if lossless: the lowest sequence that this reader can hold up; never decreases
	suspendedAt   uint64 // its next sequence when its timeout ran out; publishes do not wait for it until it has taken something and is at most half of the ring behind. 0 = not suspended
	stuckAt       uint64 // its next sequence at the last check of a waiting publish, 0 before a check
	stuckFor      time.Duration
	seenResets    uint32 // resets at that check
	pins          int    // publishes that sleep on cursor
	removed       bool   // page is unmapped when the last pin goes
	broken        bool   // a load from page was a fault
}

// isCurrent reports whether the page still belongs to the admitted link. A reader clears its marks before it reuses the
// page, so the marks of a page that is not current do not concern this publisher.
func (r *remoteReader) isCurrent() bool { return !r.broken && loadOr(r, r.pageMatches, false) }

// pageMatches is isCurrent without a guard.
func (r *remoteReader) pageMatches() bool {
	return mem.Uint32(r.page, pageOffState).Load() == pageCurrent &&
		mem.Uint64(r.page, pageOffPublisher).Load() == r.req.Publisher.Participant &&
		mem.Uint32(r.page, pageOffNumber).Load() == r.req.Publisher.Number &&
		mem.Uint32(r.page, pageOffGen).Load() == r.req.Generation
}

// isStale reports whether the reader's marks are no longer valid.
func (r *remoteReader) isStale() bool {
	return !r.isCurrent() || r.marksValid != nil && !r.marksValid()
}

// nextSequence returns the sequence that the reader takes next, limited to the valid range. It never decreases, so a
// reader cannot restart a publish's wait. Called with the Writer's mu held.
func (r *remoteReader) nextSequence(newest uint64) uint64 {
	r.floor = min(max(loadOr(r, r.cursor.Load, never), r.floor), newest+1)
	return r.floor
}

// lastTaken returns the sequence of the last sample that the reader can have taken. A reader that closed says only that it is done, and
// one whose cursor is invalid or cannot be loaded says nothing: of these it is the newest. One that has not begun since its admission has
// the cursor 0. The page is checked after the cursor was loaded, because its owner may use it for another link. Called with the Writer's
// mu held.
func (r *remoteReader) lastTaken(newest uint64) uint64 {
	next := loadOr(r, r.cursor.Load, never)
	if next == 0 {
		next = r.floor
	}
	if next > newest+1 || next < r.floor || !r.isCurrent() {
		return newest
	}
	return next - 1
}

// Taken returns a sequence such that no lossless reader of a participant has taken a later sample. Samples up to it may have been taken.
// Once the participant has no such reader any more, all removed ones count, or with KeepFor those of that participant.
func (w *Writer) Taken(reader uint64) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var taken uint64
	present := false
	for _, r := range w.readers {
		if r.req.Lossless && r.req.Reader == reader {
			taken, present = max(taken, r.lastTaken(w.seq)), true
		}
	}
	if !present {
		return w.taken
	}
	return taken
}

// TakenByEvery returns a sequence up to which each lossless reader of a participant has taken, or 0: of one that has closed that is not known.
func (w *Writer) TakenByEvery(reader uint64) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	least := uint64(never)
	for _, r := range w.readers {
		if r.req.Lossless && r.req.Reader == reader {
			next := loadOr(r, r.cursor.Load, 0)
			if next == 0 || next > w.seq+1 || !r.isCurrent() {
				return 0
			}
			least = min(least, next-1)
		}
	}
	if least == never {
		return 0
	}
	return least
}

// noteTaken counts a reader that leaves. Called with mu held.
func (w *Writer) noteTaken(r *remoteReader) {
	if r.req.Lossless && (w.opts.KeepFor == 0 || w.opts.KeepFor == r.req.Reader) {
		w.taken = max(w.taken, r.lastTaken(w.seq))
	}
}

// HasReaderOf reports whether a lossless reader of a participant is admitted.
func (w *Writer) HasReaderOf(reader uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.readers, func(r *remoteReader) bool { return r.req.Lossless && r.req.Reader == reader })
}

// HasReader reports whether the link is admitted.
func (w *Writer) HasReader(req LinkRequest) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.isAdmitted(req)
}

func (w *Writer) isAdmitted(req LinkRequest) bool {
	return slices.ContainsFunc(w.readers, func(r *remoteReader) bool {
		return r.req.Reader == req.Reader && r.req.Link == req.Link && r.req.Generation == req.Generation
	})
}

// Admit adds a reader, whose marks reclaim then respects, and announces that to the reader. page is the reader's link
// page, mapped read-only. The Writer owns it from then on; release unmaps it. Admitting a link twice is no error.
// latched makes the newest sample part of the history, and so do keys.
//
// The reader is in w.readers before it can see its admission, so reclaim sees every mark that it sets.
func (w *Writer) Admit(req LinkRequest, page []byte, release func(), latched bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isAdmitted(req) {
		release()
		return nil
	}
	r := &remoteReader{
		req: req, page: page, unmap: release,
		armed:  mem.Uint32(page, pageOffArmed),
		cursor: mem.Uint64(page, pageOffCursor),
		resets: mem.Uint32(page, pageOffResets),
		marks:  mem.Uint32s(page, pageOffMarks, MaxHeld),
	}
	if w.closed || !r.isCurrent() {
		release()
		if r.broken {
			return r.truncatedError()
		}
		return nil // one end has closed, which is known to it
	}
	if len(w.readers) == MaxReaders {
		w.removeReaders((*remoteReader).isStale) // a reader may have closed since the last check
	}
	history := uint64(req.History)
	if w.opts.Volatile && req.History != historyAll {
		history = min(history, 1)
	}
	if latched || w.keys != nil {
		history = max(history, 1)
	}
	start := startFor(history, w.seq, w.ring.Depth())
	r.floor = max(start, w.seq+1-min(w.seq, uint64(w.ring.Depth())))

	w.readers = append(w.readers, r)
	failpoint.At("admit.watch")
	entry, ok := w.admissions.add(req, start)
	if !ok {
		w.readers = w.readers[:len(w.readers)-1]
		release()
		w.ringBell()
		failpoint.At("refuse.bell")
		return &errdefs.LimitError{What: "subscriptions of one publisher", Limit: MaxReaders, Remedy: "close some, or publish for them on another topic"}
	}
	r.entry = entry
	if req.Lossless {
		w.roomUntil = min(w.roomUntil, r.floor+uint64(w.ring.Depth()))
	}
	w.stats.SetSubscribers(len(w.readers))
	w.ringBell()
	failpoint.At("admit.bell")
	return nil
}

// RemoveReader removes every reader of a participant whose process has exited. Their marks are no longer valid.
func (w *Writer) RemoveReader(reader uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeReaders(func(r *remoteReader) bool { return r.req.Reader == reader })
}

// DetachReader handles a participant that left the domain. Samples that its process still holds stay valid: their marks
// count as long as mapped returns true.
func (w *Writer) DetachReader(reader uint64, mapped func() bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.readers {
		if r.req.Reader == reader {
			r.marksValid = mapped
			w.noteTaken(r)
			r.req.Lossless = false
		}
	}
	w.removeReaders((*remoteReader).isStale)
	w.roomUntil = 0
	w.wakeSleepers()
}

// Prune removes readers that have closed.
func (w *Writer) Prune() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeReaders((*remoteReader).isStale)
}

// Readers returns the number of connected subscriptions.
func (w *Writer) Readers() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.readers)
}

func (w *Writer) removeReaders(obsolete func(*remoteReader) bool) {
	kept := w.readers[:0]
	for _, r := range w.readers {
		if obsolete(r) {
			w.admissions.remove(r.entry)
			w.noteTaken(r)
			w.releaseReader(r)
			if r.broken {
				w.reportBroken(r)
			}
			continue
		}
		kept = append(kept, r)
	}
	if len(kept) == len(w.readers) {
		return
	}
	clear(w.readers[len(kept):])
	w.readers = kept
	w.roomUntil = 0 // compute again for which readers to wait
	w.stats.SetSubscribers(len(kept))
	w.wakeSleepers()
}

// releaseReader unmaps a reader's page, now or when the last publish that sleeps on it wakes.
func (w *Writer) releaseReader(r *remoteReader) {
	r.removed = true
	if r.pins == 0 {
		r.unmap()
	}
}

// addMarks passes every mark of every admitted reader to the pool. Called with mu held.
func (w *Writer) addMarks(p *pool) {
	w.fenceWord.Add(1) // the ring words that replaced the retired slots are stored before a mark is loaded
	stale, whole := w.addAllMarks(p)
	for !whole { // each attempt adds one broken reader, which the next one skips
		stale, whole = w.addAllMarks(p)
	}
	if stale {
		w.removeReaders((*remoteReader).isStale)
	}
}

func (w *Writer) addAllMarks(p *pool) (stale, whole bool) {
	defer w.endAddMarks(sigbus.Guard(), &whole)
	for _, r := range w.readers {
		if r.broken || !r.pageMatches() || r.marksValid != nil && !r.marksValid() {
			stale = true
			continue
		}
		used := min(mem.Uint32(r.page, pageOffMarksUsed).Load(), MaxHeld)
		for i := range r.marks[:used] {
			if m := r.marks[i].Load(); m != 0 {
				p.addMark(m)
			}
		}
	}
	return stale, true
}

func (w *Writer) endAddMarks(before sigbus.Mode, whole *bool) {
	before.Restore()
	if e := recover(); e != nil {
		w.recordFault(e)
		*whole = false
	}
}

// takenByLossless reports whether every lossless reader that is not suspended has taken seq. Called with mu held.
func (w *Writer) takenByLossless(seq uint64) bool {
	for _, r := range w.readers {
		if w.waitsFor(r) && r.suspendedAt == 0 && r.nextSequence(w.seq) <= seq {
			return false
		}
	}
	return true
}

const never = math.MaxUint64
