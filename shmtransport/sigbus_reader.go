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
		if !v.faulted(e) {
			panic(e)
		}
		*err = cutShort(v)
	}
}

func cutShort(v view) error {
	return &CorruptError{Where: v.name(), What: "its owner cut the file short while it was mapped"}
}

// survive gives up the link in whose memory the fault e is, and releases the turn. given are the Samples that the interrupted
// call may have filled and not counted. What is no such fault goes on as a panic.
func (r *Reader) survive(e any, given ...*Sample) {
	defer r.turn.release()
	var cut *Link
	for _, l := range slices.Concat(*r.links.Load(), r.ended) {
		if l.kept == nil && l.view.faulted(e) {
			cut = l
			break
		}
	}
	if cut == nil {
		panic(e)
	}
	for _, s := range given {
		switch {
		case s.link == nil:
			continue
		case s.link == cut:
			cut.lost++
		}
		s.passOver()
		*s = Sample{}
	}
	r.fail(cut, cutShort(cut.view))
}

// endTry ends TryReceive. The others are asked again: each such end has one publisher less.
func (r *Reader) endTry(before sigbus.Mode, s *Sample, ok *bool, err *error) {
	before.Restore()
	e := recover()
	if e == nil {
		r.turn.release()
		return
	}
	r.survive(e, s)
	*ok, *err = r.TryReceive(s)
}

// endLatest ends Latest.
func (r *Reader) endLatest(before sigbus.Mode, s *Sample, ok *bool, err *error) {
	before.Restore()
	e := recover()
	if e == nil {
		r.turn.release()
		return
	}
	r.survive(e, s, &r.other)
	*ok, *err = r.Latest(s)
}

// endReceive ends Receive.
func (r *Reader) endReceive(ctx context.Context, before sigbus.Mode, s *Sample, err *error) {
	before.Restore()
	e := recover()
	if e == nil {
		r.turn.release()
		return
	}
	r.survive(e, s)
	*s, *err = r.Receive(ctx)
}

// endBatch ends ReceiveBatch. Samples that were counted before the fault are what it returns.
func (r *Reader) endBatch(ctx context.Context, before sigbus.Mode, buf []Sample, n *int, err *error) {
	before.Restore()
	e := recover()
	if e == nil {
		r.turn.release()
		return
	}
	given := make([]*Sample, 0, len(buf))
	got := r.got
	for i := range buf[got:] {
		given = append(given, &buf[got+i])
	}
	r.survive(e, given...)
	if got > 0 {
		*n, *err = got, nil
		return
	}
	*n, *err = r.ReceiveBatch(ctx, buf)
}

// endTidy ends Prune.
func (r *Reader) endTidy(before sigbus.Mode) {
	before.Restore()
	e := recover()
	if e == nil {
		r.turn.release()
		return
	}
	r.survive(e)
	r.Prune()
}

// glance calls f, which looks at the link without having the turn, and reports whether it could. Who has the turn next will
// give the link up.
func (l *Link) glance(f func()) (ok bool) {
	defer func(before sigbus.Mode) {
		before.Restore()
		if e := recover(); e != nil {
			if !l.view.faulted(e) {
				panic(e)
			}
			ok = false
		}
	}(sigbus.Guard())
	f()
	return true
}

// spoil notes that the memory of a link turned out to be of no use while a payload was read. Any goroutine may do that;
// whoever has the turn next gives the link up.
func (l *Link) spoil(err error) {
	l.spoiled.CompareAndSwap(nil, &err)
	if r := l.owner; r != nil {
		r.Prune()
	}
}

// dropSpoiled gives up the links that spoil spoke of. Of publishers that ended takeEnded does. Called with the turn.
func (r *Reader) dropSpoiled() {
	for _, l := range *r.links.Load() {
		if err := l.spoiled.Load(); err != nil {
			r.fail(l, *err)
		}
	}
}
