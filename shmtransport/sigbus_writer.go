package shmtransport

import (
	"slices"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A reader may truncate its file while publishers have its link pages mapped. Every load from a page is therefore
// guarded: rare loads have a guard of their own, a publish has one for all readers. A reader whose page caused a fault
// is broken: no publish waits for it, its marks do not count, and it is removed soon after. Guarded code only loads
// words, so a fault interrupts no update.

// recordFault marks the reader in whose page the fault e is as broken. Other panics continue. Called with mu held.
func (w *Writer) recordFault(e any) {
	k := slices.IndexFunc(w.readers, func(r *remoteReader) bool { return sigbus.In(e, r.page) })
	if k < 0 {
		panic(e)
	}
	w.readers[k].broken = true
}

// loadOr loads a word of the page, or returns instead after a fault.
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

// load32 loads a word of the page, or returns 0 after a fault.
func (r *remoteReader) load32(word *atomic.Uint32) uint32 { return loadOr(r, word.Load, 0) }

// reportBroken calls Failed for a broken reader, on another goroutine because Failed may need locks. Called with mu
// held.
func (w *Writer) reportBroken(r *remoteReader) {
	if w.opts.Failed != nil {
		go w.opts.Failed(r.req, r.truncatedError())
	}
}

func (r *remoteReader) truncatedError() error {
	return &errdefs.CorruptError{Path: r.req.Path, What: "its owner cut the file short while it was mapped"}
}
