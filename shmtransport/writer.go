// Package shmtransport moves samples from publishers to subscriptions through shared memory. It does not know topic
// names, types, or which participants are alive; its callers tell it.
//
// A Writer is a publisher's end, a Reader a subscription's. Each shared byte has exactly one writing process: the
// publisher writes the publisher file, the reader's participant writes the reader file. No lock is shared between
// processes. docs/protocol.md has the steps, docs/correctness.md the argument for them, docs/format.md every shared
// byte.
//
// The ring runs over any memory. The tests run it over the heap for the race detector and the fuzzer.
package shmtransport

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/fence"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// A Writer is a publisher's end of a ring. It alone writes the publisher file. All methods may be called concurrently.
//
// A publish fills a free slot, stores the ring word, stores the head, loads the readers' armed words, and rings the
// bell if a reader sleeps. The ring word makes the sample visible: a death before it leaves nothing, a death after it
// leaves a complete sample. The slot of the replaced sample is retired, not free: reclaim checks the marks first.
type Writer struct {
	id         PublisherID
	clock      clock.Clock
	store      store
	path       string // empty on the heap
	opts       WriterOptions
	maxPayload int
	maxInEntry int // largest payload that goes into an entry of the ring, bytes

	bell       *atomic.Uint32
	head       *atomic.Uint64
	wakeCursor *atomic.Uint64
	state      *atomic.Uint32
	ring       ring.Ring
	admissions admissionTable

	mu      writeLock
	pool    pool
	inRing  []slotID // slot of each ring entry; noSlot for none
	keys    *keyTable
	seq     uint64 // of the newest sample
	readers []*remoteReader
	// roomUntil is the first sequence whose publish must check the lossless readers: earlier samples replace samples
	// that all of these have taken.
	roomUntil      uint64
	taken          uint64 // what lossless readers that are gone can have taken
	mayHaveSlot    uint64 // no sample before has a slot in the ring, except the newest of keys
	shortFrom      uint64 // if the memory is short: the first of the samples that have it; else 0
	loans          int
	closed         bool
	stats          stats.Publisher
	statsBlock     []byte        // the memory of stats
	wake           atomic.Uint32 // changes when a waiting publish must check its readers again
	waiting        int           // publishes that wait for lossless readers
	sleepers       int           // those of them that sleep
	waitCount      uint64        // waits for lossless readers that were begun
	lastStuckCheck time.Time     // time of the last check for stuck readers
	fenceWord      atomic.Uint32 // for full fences; its value means nothing
	registered     bool          // heavy fences act on this process
	wakePending    bool          // a batch committed samples for which sleeping readers were not woken yet
}

// noSlot means no slot.
const noSlot slotID = ring.Withdrawn

// CreateWriter makes a publisher file at path, which must not exist, in a directory on a file system with anonymous
// files. wake belongs to the same participant and must stay open until the Writer is closed.
func CreateWriter(path, dir string, mode fs.FileMode, wake *WakeFile, id PublisherID, opts WriterOptions) (*Writer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := newFileStore(dir, mode, opts.Group, wake.bell(id.Number))
	if err != nil {
		return nil, err
	}
	w, err := newWriter(s, id, opts)
	if err != nil {
		s.close()
		return nil, err
	}
	if err := s.file.Publish(path); err != nil {
		s.close()
		return nil, err
	}
	w.path = path
	return w, nil
}

// newWriter lays out an empty ring in s. opts must be complete and valid.
func newWriter(s store, id PublisherID, opts WriterOptions) (*Writer, error) {
	_, b, err := s.grow(roundToPage(int64(ringEnd(opts.Depth, opts.MaxKeys))))
	if err != nil {
		if opts.InitialSampleSize > ring.SmallPayload {
			alsoNeed(err, int64(slotHeaderSize+slotSizeFor(opts.InitialSampleSize)))
		}
		return nil, err
	}
	failpoint.At("file.reserve")
	mem.Uint32(b, pubOffVersion).Store(LayoutVersion)
	mem.Uint32(b, pubOffDepth).Store(uint32(opts.Depth))
	mem.Uint64(b, pubOffOwner).Store(id.Participant)
	mem.Uint32(b, pubOffNumber).Store(id.Number)
	mem.Uint64(b, pubOffMaxPayload).Store(uint64(opts.MaxPayload))
	mem.Uint32(b, pubOffKeys).Store(uint32(opts.MaxKeys))
	mem.Uint64(b, pubOffMagic).Store(publisherMagic)

	w := &Writer{
		id: id, clock: opts.Clock, store: s, opts: opts, maxPayload: opts.MaxPayload, maxInEntry: min(ring.SmallPayload, opts.MaxPayload),
		bell:       s.bell(),
		head:       mem.Uint64(b, pubOffHead),
		wakeCursor: mem.Uint64(b, pubOffWakeCursor),
		state:      mem.Uint32(b, pubOffState),
		ring:       ring.New(b[pubOffRing:], opts.Depth),
		admissions: newAdmissionTable(b),
		mu:         newWriteLock(),
		registered: fence.Register() == nil,
		pool:       pool{store: s, table: b[pubOffArenas:pubOffAdmissions], limit: opts.MemoryLimit, max: opts.MaxPayload, depth: opts.Depth, keyed: opts.MaxKeys > 0},
		inRing:     make([]slotID, opts.Depth),
		roomUntil:  never,
	}
	if opts.Depth == 1 {
		w.maxInEntry = -1 // an entry holds no sample while it is written, and this ring has no other
	}
	if opts.MaxKeys > 0 {
		w.maxInEntry = -1 // the key table names slots
		w.keys = newKeyTable(b[keyTableOffset(opts.Depth):], opts.MaxKeys)
	}
	w.useStatsBlock(mem.Alloc(stats.Size))
	for i := range w.inRing {
		w.inRing[i] = noSlot
	}
	if opts.InitialSampleSize > max(w.maxInEntry, 0) {
		size := slotSizeFor(opts.InitialSampleSize)
		stride := int64(slotHeaderSize + size)
		if err := w.pool.addArena(size, min(opts.Depth+w.pool.extraSlots(stride), maxSlots), false); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Depth returns the number of ring entries.
func (w *Writer) Depth() int { return w.ring.Depth() }

// MaxPayload returns the largest payload, in bytes.
func (w *Writer) MaxPayload() int { return w.maxPayload }

// ID returns the publisher's identity.
func (w *Writer) ID() PublisherID { return w.id }

// Err returns os.ErrClosed after Close.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errdefs.Closed("the publisher is closed")
	}
	return nil
}

// Sequence returns the sequence of the newest sample, 0 before the first.
func (w *Writer) Sequence() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seq
}

// Close ends the publisher and removes its file's name. Readers take the samples in the ring and then know that there
// are no more. Waiting publishes return os.ErrClosed. Loans remain valid memory until they end, but Commit fails.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	w.state.Store(stateClosed)
	failpoint.At("close.state")
	w.ringBell()
	failpoint.At("close.bell")
	w.wakeSleepers()
	for _, r := range w.readers {
		w.releaseReader(r)
	}
	w.readers = nil
	w.stats.SetSubscribers(0)
	w.useStatsBlock(slices.Clone(w.statsBlock)) // the shared block may be unmapped after Close
	failpoint.At("close.figures")
	var err error
	if w.path != "" {
		if err = os.Remove(w.path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		failpoint.At("close.name")
	}
	return errors.Join(err, w.closeStoreIfUnused())
}

func (w *Writer) closeStoreIfUnused() error {
	if w.closed && w.loans == 0 && w.sleepers == 0 {
		return w.store.close()
	}
	return nil
}
