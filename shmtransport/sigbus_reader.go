package shmtransport

import (
	"slices"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A publisher may truncate its file while readers have it mapped; then any load from it may fault. Code that reads
// links therefore runs under a guard, one for each public call. At its end endGuarded handles a fault: the lock is
// released, and the link of the truncated file is closed like any other link to invalid memory.
//
// A fault may interrupt any step. State that is half updated is either the link's, which is removed, or repaired here:
// samples that the call was about to return. Everything else is written anew each time (armed words, bells, the wait
// state) or is a statistic.

// endOpen ends the opening of a link.
func endOpen(before sigbus.Mode, v view, err *error) {
	before.Restore()
	if e := recover(); e != nil {
		if !v.isFault(e) {
			panic(e)
		}
		*err = truncatedError(v)
	}
}

func truncatedError(v view) error {
	return &errdefs.CorruptError{Path: v.name(), What: "its owner cut the file short while it was mapped"}
}

// endGuarded ends a section that has the lock and a guard. After a fault it closes the link in whose memory the fault
// is and sets faulted; the caller then tries again, with one publisher less. s and more are the Samples that the section
// fills. If n is not nil, the first *n of them are complete; the others are discarded. Other panics continue.
func (r *Reader) endGuarded(before sigbus.Mode, s *Sample, more []Sample, n *int, faulted *bool) {
	before.Restore()
	e := recover()
	if e == nil {
		r.lock.Unlock()
		return
	}
	if n != nil && *n > 0 {
		r.recoverFault(e, new(Sample), more[*n-1:])
	} else {
		r.recoverFault(e, s, more)
	}
	*faulted = true
}

func (r *Reader) recoverFault(e any, s *Sample, more []Sample) {
	defer r.lock.Unlock()
	var faulted *Link
	for _, l := range slices.Concat(*r.links.Load(), r.ended) {
		if l.phase != linkKept && l.view.isFault(e) {
			faulted = l
			break
		}
	}
	if faulted == nil {
		panic(e)
	}
	s.discardFaulted(faulted)
	for i := range more {
		more[i].discardFaulted(faulted)
	}
	r.needsPrune.Store(true) // the fault may have interrupted prune
	r.failLink(faulted, truncatedError(faulted.view))
}

// discardFaulted discards a sample that a section interrupted by a fault has filled, if it did.
func (s *Sample) discardFaulted(faulted *Link) {
	if s.link == nil {
		return
	}
	if s.link == faulted {
		faulted.lost++
	}
	s.discard()
	*s = Sample{}
}

// guarded calls f, which loads from the link without the lock, and reports whether that succeeded. After a fault the
// next holder of the lock closes the link.
func (l *Link) guarded(f func()) (ok bool) {
	defer func(before sigbus.Mode) {
		before.Restore()
		if e := recover(); e != nil {
			if !l.view.isFault(e) {
				panic(e)
			}
			ok = false
		}
	}(sigbus.Guard())
	f()
	return true
}

// setFault records a fault that was found while a payload was read. It may be called from any goroutine; the next
// holder of the lock closes the link.
func (l *Link) setFault(err error) {
	l.fault.CompareAndSwap(nil, &err)
	if r := l.owner; r != nil {
		r.Prune()
	}
}

// removeFaulted closes the links with a recorded fault. takeEnded does so for publishers that ended. Called with the
// lock.
func (r *Reader) removeFaulted() {
	for _, l := range *r.links.Load() {
		if err := l.fault.Load(); err != nil {
			r.failLink(l, *err)
		}
	}
}
