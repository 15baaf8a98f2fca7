package shmtransport

import (
	"context"
	"slices"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A publisher may truncate its file while readers have it mapped; then any load from it may fault. Code that reads
// links therefore runs under a guard, one for each public call. At its end a fault is handled: the lock is released,
// and the link of the truncated file is closed like any other link to invalid memory.
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

// recoverFault closes the link in whose memory the fault e is, and releases the lock. given are the Samples that the
// interrupted call may have filled and not counted. Other panics continue.
func (r *Reader) recoverFault(e any, given ...*Sample) {
	defer r.lock.release()
	var faulted *Link
	for _, l := range slices.Concat(*r.links.Load(), r.ended) {
		if l.kept == nil && l.view.isFault(e) {
			faulted = l
			break
		}
	}
	if faulted == nil {
		panic(e)
	}
	for _, s := range given {
		switch {
		case s.link == nil:
			continue
		case s.link == faulted:
			faulted.lost++
		}
		s.discard()
		*s = Sample{}
	}
	r.failLink(faulted, truncatedError(faulted.view))
}

// endTryReceive ends TryReceive. After a fault it tries the other publishers. Each fault leaves one publisher less.
func (r *Reader) endTryReceive(before sigbus.Mode, s *Sample, ok *bool, err *error) {
	before.Restore()
	e := recover()
	if e == nil {
		r.lock.release()
		return
	}
	r.recoverFault(e, s)
	*ok, *err = r.TryReceive(s)
}

// endLatest ends Latest.
func (r *Reader) endLatest(before sigbus.Mode, s *Sample, ok *bool, err *error) {
	before.Restore()
	e := recover()
	if e == nil {
		r.lock.release()
		return
	}
	r.recoverFault(e, s, &r.candidate)
	*ok, *err = r.Latest(s)
}

// endReceive ends Receive.
func (r *Reader) endReceive(ctx context.Context, before sigbus.Mode, s *Sample, err *error) {
	before.Restore()
	e := recover()
	if e == nil {
		r.lock.release()
		return
	}
	r.recoverFault(e, s)
	*s, *err = r.Receive(ctx)
}

// endBatch ends ReceiveBatch. After a fault it returns the samples that were counted before.
func (r *Reader) endBatch(ctx context.Context, before sigbus.Mode, buf []Sample, n *int, err *error) {
	before.Restore()
	e := recover()
	if e == nil {
		r.lock.release()
		return
	}
	given := make([]*Sample, 0, len(buf))
	got := r.batchCount
	for i := range buf[got:] {
		given = append(given, &buf[got+i])
	}
	r.recoverFault(e, given...)
	if got > 0 {
		*n, *err = got, nil
		return
	}
	*n, *err = r.ReceiveBatch(ctx, buf)
}

// endPrune ends Prune.
func (r *Reader) endPrune(before sigbus.Mode) {
	before.Restore()
	e := recover()
	if e == nil {
		r.lock.release()
		return
	}
	r.recoverFault(e)
	r.Prune()
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
