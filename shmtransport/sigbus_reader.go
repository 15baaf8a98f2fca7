package shmtransport

import (
	"context"
	"slices"

	"github.com/shmbus/shmbus/internal/sigbus"
)

// A publisher may cut its file short while readers have it mapped, and then every load from it may be a fault. So whatever
// looks at links runs under a guard, one for each public call, and its end does what there is to do: the turn is released, and
// the link of whoever cut its file is given up like that of any other whose memory cannot be what it should be.
//
// A fault interrupts anything. What is half done then is either the link's, which goes, or made good here: samples that the
// call was about to return. The rest is written anew each time (armed words, bells and the place to wait) or is a figure.

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
	return &CorruptError{Where: v.name(), What: "its owner faulted the file short while it was mapped"}
}

// recoverFault gives up the link in whose memory the fault e is, and releases the turn. given are the Samples that the interrupted
// call may have filled and not counted. What is no such fault goes on as a panic.
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

// endTryReceive ends TryReceive. The others are asked again: each such end has one publisher less.
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

// endBatch ends ReceiveBatch. Samples that were counted before the fault are what it returns.
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

// guarded calls f, which looks at the link without having the turn, and reports whether it could. Who has the turn next will
// give the link up.
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

// setFault notes that the memory of a link turned out to be of no use while a payload was read. Any goroutine may do that;
// whoever has the turn next gives the link up.
func (l *Link) setFault(err error) {
	l.fault.CompareAndSwap(nil, &err)
	if r := l.owner; r != nil {
		r.Prune()
	}
}

// removeFaulted gives up the links that spoil spoke of. Of publishers that ended takeEnded does. Called with the turn.
func (r *Reader) removeFaulted() {
	for _, l := range *r.links.Load() {
		if err := l.fault.Load(); err != nil {
			r.failLink(l, *err)
		}
	}
}
