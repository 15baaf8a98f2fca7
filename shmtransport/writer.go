package shmtransport

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/stats"
)

// A Writer is a publisher's end of a ring: it alone writes the publisher file. All methods may be called concurrently.
//
// The order of a publish is: fill a free slot; store the ring word; store the head; look at the readers' armed words and
// ring the bell if one sleeps. Up to the ring word nobody can see the sample, so a death before it leaves nothing; after it
// the sample is complete. The slot that the word replaced is retired, not free: reclaim looks at the marks first.
type Writer struct {
	id         PublisherID
	clock      clock.Clock
	store      store
	path       string // empty on the heap
	opts       WriterOptions
	maxPayload int
	maxInEntry int // payloads of so many bytes go into the ring's entries

	bell       *atomic.Uint32
	head       *atomic.Uint64
	wakeCursor *atomic.Uint64
	state      *atomic.Uint32
	ring       ring
	admissions admissionTable

	mu             sync.Mutex
	pool           pool
	inRing         []slotID // slot of each ring entry, noSlot before the first lap
	seq            uint64   // of the newest sample
	readers        []*remoteReader
	roomUntil      uint64 // every lossless reader has taken what is below: no need to look before
	loans          int
	closed         bool
	stats          stats.Publisher
	statsBlock     []byte             // what figures is a view of
	wake           atomic.Uint32      // changes when a publish that waits for readers must look again
	waiting        int                // publishes in that wait
	sleepers       int                // those of them that sleep
	waitCount      uint64             // how often a publish began such a wait
	lastStuckCheck time.Time          // when a publish in such a wait looked for readers that are stuck
	concatBuffer   [smallPayload]byte // for join
	fence          atomic.Uint32      // its value means nothing
	wakePending    bool               // a batch placed samples that readers who sleep were not told of
}

// noSlot stands where no slot is.
const noSlot slotID = slotWithdrawn

// CreateWriter makes a publisher file at path, which must not exist, in a directory on a file system with anonymous files. wake is
// the participant's, and open until the Writer is closed.
func CreateWriter(path, dir string, mode fs.FileMode, wake *WakeFile, id PublisherID, opts WriterOptions) (*Writer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := newFileStore(dir, mode, opts.Group, wake.bell(id.Number))
	if err != nil {
		return nil, noSpace(err)
	}
	w, err := newWriter(s, id, opts)
	if err != nil {
		s.close()
		return nil, err
	}
	if err := s.file.Publish(path); err != nil {
		s.close()
		return nil, noSpace(err)
	}
	w.path = path
	return w, nil
}

// newWriter lays out an empty ring in s. opts are checked and complete.
func newWriter(s store, id PublisherID, opts WriterOptions) (*Writer, error) {
	_, b, err := s.grow(roundToPage(int64(pubOffRing + ringBytes(opts.Depth))))
	if err != nil {
		if opts.InitialSampleSize > smallPayload {
			alsoNeed(err, int64(slotHeaderSize+slotSizeFor(opts.InitialSampleSize)))
		}
		return nil, noSpace(err)
	}
	failpoint.At("file.reserve")
	mem.Uint32(b, pubOffVersion).Store(LayoutVersion)
	mem.Uint32(b, pubOffDepth).Store(uint32(opts.Depth))
	mem.Uint64(b, pubOffOwner).Store(id.Participant)
	mem.Uint32(b, pubOffNumber).Store(id.Number)
	mem.Uint64(b, pubOffMaxPayload).Store(uint64(opts.MaxPayload))
	mem.Uint64(b, pubOffMagic).Store(publisherMagic)

	w := &Writer{
		id: id, clock: opts.Clock, store: s, opts: opts, maxPayload: opts.MaxPayload, maxInEntry: smallPayload,
		bell:       s.bell(),
		head:       mem.Uint64(b, pubOffHead),
		wakeCursor: mem.Uint64(b, pubOffWakeCursor),
		state:      mem.Uint32(b, pubOffState),
		ring:       newRing(b[pubOffRing:], opts.Depth),
		admissions: newAdmissionTable(b),
		pool:       pool{store: s, table: b[pubOffArenas:pubOffAdmissions], limit: opts.MemoryLimit, max: opts.MaxPayload, depth: opts.Depth},
		inRing:     make([]slotID, opts.Depth),
		roomUntil:  never,
	}
	switch {
	case opts.Depth == 1:
		w.maxInEntry = -1 // while an entry is written there is nothing in it, and there is no other
	case opts.slotsOnly:
		w.maxInEntry = 0
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
func (w *Writer) Depth() int { return w.ring.depth() }

// MaxPayload returns the largest payload, in bytes.
func (w *Writer) MaxPayload() int { return w.maxPayload }

// ID returns the publisher's identity.
func (w *Writer) ID() PublisherID { return w.id }

// Err returns os.ErrClosed after Close.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return closed.Error("the publisher is closed")
	}
	return nil
}

// Sequence returns the sequence of the newest sample, 0 before the first.
func (w *Writer) Sequence() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seq
}

// Close ends the publisher: its file loses its name, readers take what is in the ring and then know that no more comes.
// Publishes that wait return os.ErrClosed. Loans stay valid memory until they end, and can no longer be committed.
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
	w.useStatsBlock(slices.Clone(w.statsBlock)) // the shared block goes away
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
