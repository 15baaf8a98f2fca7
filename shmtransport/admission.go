package shmtransport

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A LinkRequest is a reader's wish to be watched by a publisher, as found in the reader's directory.
type LinkRequest struct {
	Reader       uint64 // participant id
	Link         uint32 // index in the reader's directory
	Generation   uint32
	Publisher    PublisherID
	Subscription uint32 // number within the reader's participant
	History      uint32 // samples of the past; historyAll = all there were
	Lossless     bool
	Timeout      time.Duration // how long a publish waits for this reader when it is lossless
	Declined     bool          // the subscription does not want this publisher
	Path         string        // the reader's file, for errors
}

// A remoteReader is an admitted reader as its publisher sees it. All words are the reader's own bytes: they may say anything at
// any time, and the worst they can cause is memory kept or time spent.
type remoteReader struct {
	req        LinkRequest
	page       []byte
	unmap      func()      // unmaps page
	marksValid func() bool // set when the reader's participant left: reports whether its marks still mean something
	entry      int         // in the admission table

	armed  *atomic.Uint32
	cursor *atomic.Uint64
	marks  []atomic.Uint32

	answeredArmed uint32 // the armed word that was last answered with a ring of the bell
	floor         uint64 // the first sequence that this reader, if lossless, can hold up; never goes back
	suspended     bool   // patience ran out; not waited for until it catches up
	stuckAt       uint64 // what it was to take next when a publish that waits looked last, 0 = nobody looked
	stuckFor      time.Duration
	pins          int  // publishes that sleep on cursor
	removed       bool // to be released when the last pin goes
	broken        bool // a load from page was a fault
}

// isCurrent reports whether the page still belongs to the admitted link. A reader clears its marks before it takes the page
// back, so a page that is not current names nothing of ours.
func (r *remoteReader) isCurrent() bool { return !r.broken && loadOr(r, r.pageMatches, false) }

// pageMatches is current for who has a guard.
func (r *remoteReader) pageMatches() bool {
	return mem.Uint32(r.page, pageOffState).Load() == pageCurrent &&
		mem.Uint64(r.page, pageOffPublisher).Load() == r.req.Publisher.Participant &&
		mem.Uint32(r.page, pageOffNumber).Load() == r.req.Publisher.Number &&
		mem.Uint32(r.page, pageOffGen).Load() == r.req.Generation
}

// isStale reports whether the peer's marks mean nothing any more.
func (r *remoteReader) isStale() bool {
	return !r.isCurrent() || r.marksValid != nil && !r.marksValid()
}

// nextSequence is the sequence up to which the reader has taken everything, no further than it can have. It never goes back, or a
// reader could make a publish wait anew for ever. Called with the Writer's mu held.
func (r *remoteReader) nextSequence(newest uint64) uint64 {
	r.floor = min(max(loadOr(r, r.cursor.Load, never), r.floor), newest+1)
	return r.floor
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

// Admit begins to watch a reader's marks and tells it so. page is the reader's link page, mapped read-only, and becomes the
// Writer's; release unmaps it. Admitting a link twice is no error. latched makes the newest sample part of the history.
//
// The reader is in w.readers before it can see that it is admitted: whatever it marks from then on, reclaim sees.
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
		marks:  mem.Uint32s(page, pageOffMarks, MaxHeld),
	}
	if w.closed || !r.isCurrent() {
		release()
		if r.broken {
			return r.truncatedError()
		}
		return nil // either end has gone meanwhile and knows it
	}
	if len(w.readers) == MaxReaders {
		w.removeReaders((*remoteReader).isStale) // one may have closed since the last look, and this one have come for its place
	}
	history := uint64(req.History)
	if latched {
		history = max(history, 1)
	}
	start := startFor(history, w.seq, w.ring.depth())
	r.floor = max(start, w.seq+1-min(w.seq, uint64(w.ring.depth())))

	w.readers = append(w.readers, r)
	failpoint.At("admit.watch")
	entry, ok := w.admissions.add(req, start)
	if !ok {
		w.readers = w.readers[:len(w.readers)-1]
		release()
		w.ringBell()
		failpoint.At("refuse.bell")
		return &LimitError{What: "subscriptions of one publisher", Limit: MaxReaders, Remedy: "close some, or publish for them on another topic"}
	}
	r.entry = entry
	if req.Lossless {
		w.roomUntil = min(w.roomUntil, r.floor+uint64(w.ring.depth()))
	}
	w.stats.SetSubscribers(len(w.readers))
	w.ringBell()
	failpoint.At("admit.bell")
	return nil
}

// RemoveReader stops watching every reader of a participant that is dead. Its marks mean nothing any more.
func (w *Writer) RemoveReader(reader uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeReaders(func(r *remoteReader) bool { return r.req.Reader == reader })
}

// DetachReader is for a participant that left in an orderly way. Samples that its process still holds stay valid: the marks are
// watched as long as mapped says that they mean something.
func (w *Writer) DetachReader(reader uint64, mapped func() bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.readers {
		if r.req.Reader == reader {
			r.marksValid = mapped
			r.req.Lossless = false
		}
	}
	w.removeReaders((*remoteReader).isStale)
	w.roomUntil = 0
	w.wakeSleepers()
}

// Prune stops watching readers that took their page back.
func (w *Writer) Prune() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeReaders((*remoteReader).isStale)
}

// Readers returns how many subscriptions are connected.
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
	w.roomUntil = 0 // look again at who must be waited for
	w.stats.SetSubscribers(len(kept))
	w.wakeSleepers()
}

// releaseReader releases a reader's page, now or when the last publish that sleeps on it wakes.
func (w *Writer) releaseReader(r *remoteReader) {
	r.removed = true
	if r.pins == 0 {
		r.unmap()
	}
}

// addMarks tells the pool every mark of every admitted reader. Called with mu held.
func (w *Writer) addMarks(p *pool) {
	w.fence.Add(1) // the words that replaced the retired slots are stored before a mark is loaded
	stale, whole := w.addAllMarks(p)
	for !whole { // each time there is one more broken reader, which is left out
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

// takenByLossless reports whether every lossless reader that is waited for has taken seq. Called with mu held.
func (w *Writer) takenByLossless(seq uint64) bool {
	for _, r := range w.readers {
		if r.req.Lossless && !r.suspended && r.nextSequence(w.seq) <= seq {
			return false
		}
	}
	return true
}

const never = math.MaxUint64
