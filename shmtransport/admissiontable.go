package shmtransport

import (
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// An admissionTable is the table in which a publisher announces the readers whose marks it respects.
type admissionTable struct {
	entries    []byte
	generation *atomic.Uint32
	full       *atomic.Uint32
	used       [MaxReaders]bool
}

func newAdmissionTable(header []byte) admissionTable {
	return admissionTable{
		entries:    header[pubOffAdmissions:pubOffRing],
		generation: mem.Uint32(header, pubOffAdmitGen),
		full:       mem.Uint32(header, pubOffFull),
	}
}

func (t *admissionTable) entry(i int) []byte {
	return t.entries[i*admissionEntrySize : (i+1)*admissionEntrySize]
}

// add writes an entry. A reader may load from it at any moment. It recognizes its own entry by its id, which is written
// after the fields it reads, and by the status, which is written last.
func (t *admissionTable) add(r LinkRequest, start uint64) (int, bool) {
	for i, used := range t.used {
		if used {
			continue
		}
		t.used[i] = true
		e := t.entry(i)
		mem.Uint64(e, admOffStart).Store(start)
		failpoint.At("admit.start")
		mem.Uint64(e, admOffLink).Store(linkKey(r.Link, r.Generation))
		failpoint.At("admit.link")
		mem.Uint64(e, admOffReader).Store(r.Reader)
		failpoint.At("admit.reader")
		mem.Uint32(e, admOffStatus).Store(statusAdmitted)
		failpoint.At("admit.status")
		t.generation.Add(1)
		failpoint.At("admit.generation")
		return i, true
	}
	t.full.Store(1)
	failpoint.At("refuse.full")
	t.generation.Add(1)
	failpoint.At("refuse.generation")
	return 0, false
}

func (t *admissionTable) remove(i int) {
	e := t.entry(i)
	mem.Uint32(e, admOffStatus).Store(statusFree)
	failpoint.At("removereader.status")
	mem.Uint64(e, admOffReader).Store(0)
	failpoint.At("removereader.reader")
	t.used[i] = false
	t.full.Store(0)
	failpoint.At("removereader.full")
	t.generation.Add(1)
	failpoint.At("removereader.generation")
}

// startFor returns the first sequence that a new reader accounts for: the last history samples up to newest that are
// still in the ring, or 1 with historyAll.
func startFor(history, newest uint64, depth int) uint64 {
	if history == uint64(historyAll) {
		return 1
	}
	return newest + 1 - min(history, newest, uint64(depth))
}

func linkKey(link, generation uint32) uint64 { return uint64(generation)<<32 | uint64(link) }
