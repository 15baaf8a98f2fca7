package shmtransport

import (
	"slices"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/sigbus"
)

// A reader may cut its file short while publishers have its link pages mapped. Every load from a page is under a guard, of
// its own where it is rare, one for all readers where there is one for each publish. A reader at whose page a load was a fault
// is broken: it holds up nobody, its marks mean nothing, and it is removed at the next occasion. No guard ends more than a look
// at words, so nothing is ever left half done.

// recordFault marks the reader as broken in whose page the fault e is. What is no such fault goes on as a panic. Called with mu held.
func (w *Writer) recordFault(e any) {
	k := slices.IndexFunc(w.readers, func(r *remoteReader) bool { return sigbus.In(e, r.page) })
	if k < 0 {
		panic(e)
	}
	w.readers[k].broken = true
}

// loadOr loads a word of the page; it is what stands in place of a word that is gone.
func loadOr[T any](r *remoteReader, load func() T, instead T) (v T) {
	defer func(before sigbus.Mode) {
		before.Restore()
		if e := recover(); e != nil {
			if !sigbus.In(e, r.page) {
				panic(e)
			}
			r.broken = true
			v = instead
		}
	}(sigbus.Guard())
	return load()
}

// load32 is a word of the page, 0 if it is gone.
func (r *remoteReader) load32(word *atomic.Uint32) uint32 { return loadOr(r, word.Load, 0) }

// reportBroken tells that a reader is of no use. Called with mu held, which whoever hears of it may want.
func (w *Writer) reportBroken(r *remoteReader) {
	if w.opts.Failed != nil {
		go w.opts.Failed(r.req, r.truncatedError())
	}
}

func (r *remoteReader) truncatedError() error {
	return &CorruptError{Where: r.req.Path, What: "its owner cut the file short while it was mapped"}
}
