package shmtransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/internal/counters"
	"github.com/shmbus/shmbus/internal/fault"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/killpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// WriterOptions are the geometry and the limits of a publisher. The zero value is right for most.
type WriterOptions struct {
	Depth       int   // ring entries, a power of two up to MaxDepth; default 16
	MaxPayload  int   // bytes; default 256 MiB
	SampleSize  int   // payload bytes to reserve slots for at once; default: when the first sample comes
	MemoryLimit int64 // bytes of slots; default 1 GiB
	Group       int   // group of the file, of which this process must be a member; 0 = that of the directory

	// Failed is called, if set, when a reader cut its file short, which ends its being watched. It runs on a goroutine of its own.
	Failed func(LinkRequest, error)

	slotsOnly bool // small payloads get slots too unless they are empty, for tests
}

// largestPayload is MaxPayload, or what leaves room to size a slot where an int has 32 bits.
const largestPayload int64 = min(MaxPayload, math.MaxInt/2)

func (o WriterOptions) withDefaults() (WriterOptions, error) {
	if o.Depth == 0 {
		o.Depth = defaultDepth
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = 256 << 20
	}
	if o.MemoryLimit == 0 {
		o.MemoryLimit = 1 << 30
	}
	switch {
	case o.Depth < 1 || o.Depth > MaxDepth || bits.OnesCount(uint(o.Depth)) != 1:
		return o, fmt.Errorf("Depth is %d, must be a power of two from 1 to %d", o.Depth, MaxDepth)
	case o.MaxPayload < 0 || int64(o.MaxPayload) > largestPayload:
		return o, fmt.Errorf("MaxPayload is %d, must be from 1 to %d bytes", o.MaxPayload, largestPayload)
	case o.SampleSize < 0 || o.SampleSize > o.MaxPayload:
		return o, fmt.Errorf("SampleSize is %d, must be from 0 to MaxPayload, %d bytes", o.SampleSize, o.MaxPayload)
	case o.MemoryLimit < 0:
		return o, fmt.Errorf("MemoryLimit is %d, must be positive", o.MemoryLimit)
	}
	return o, nil
}

// A Writer is a publisher's end of a ring: it alone writes the publisher file. All methods may be called concurrently.
//
// The order of a publish is: fill a free slot; store the ring word; store the head; look at the readers' armed words and
// ring the bell if one sleeps. Up to the ring word nobody can see the sample, so a death before it leaves nothing; after it
// the sample is complete. The slot that the word replaced is retired, not free: reclaim looks at the marks first.
type Writer struct {
	id    PublisherID
	clock clock.Clock
	store store
	path  string // empty on the heap
	opts  WriterOptions
	max   int
	small int // payloads of so many bytes go into the ring's entries

	bell       *atomic.Uint32
	head       *atomic.Uint64
	wakeCursor *atomic.Uint64
	state      *atomic.Uint32
	ring       ring
	admissions admissionTable

	mu       sync.Mutex
	pool     pool
	inRing   []slotID // slot of each ring entry, noSlot before the first lap
	seq      uint64   // of the newest sample
	readers  []*peer
	safe     uint64 // every lossless reader has taken what is below: no need to look before
	loans    int
	closed   bool
	figures  counters.Publisher
	bytes    []byte             // what figures is a view of
	wake     atomic.Uint32      // changes when a publish that waits for readers must look again
	waiting  int                // publishes in that wait
	sleepers int                // those of them that sleep
	waits    uint64             // how often a publish began such a wait
	looked   time.Time          // when a publish in such a wait looked for readers that are stuck
	joined   [smallPayload]byte // for join
	fence    atomic.Uint32      // its value means nothing
	owed     bool               // a batch placed samples that readers who sleep were not told of
}

// noSlot stands where no slot is.
const noSlot slotID = slotWithdrawn

// CreateWriter makes a publisher file at path, which must not exist, in a directory on a file system with anonymous files.
func CreateWriter(path, dir string, mode fs.FileMode, id PublisherID, opts WriterOptions) (*Writer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := newFileStore(dir, mode, opts.Group)
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
		if opts.SampleSize > smallPayload {
			alsoNeed(err, int64(slotHeaderSize+slotSizeFor(opts.SampleSize)))
		}
		return nil, noSpace(err)
	}
	killpoint.At("file.reserve")
	mem.Uint32(b, pubOffVersion).Store(LayoutVersion)
	mem.Uint32(b, pubOffDepth).Store(uint32(opts.Depth))
	mem.Uint64(b, pubOffOwner).Store(id.Participant)
	mem.Uint32(b, pubOffNumber).Store(id.Number)
	mem.Uint64(b, pubOffMaxPayload).Store(uint64(opts.MaxPayload))
	mem.Uint64(b, pubOffMagic).Store(publisherMagic)

	w := &Writer{
		id: id, clock: clock.New(), store: s, opts: opts, max: opts.MaxPayload, small: smallPayload,
		bell:       mem.Uint32(b, pubOffBell),
		head:       mem.Uint64(b, pubOffHead),
		wakeCursor: mem.Uint64(b, pubOffWakeCursor),
		state:      mem.Uint32(b, pubOffState),
		ring:       newRing(b[pubOffRing:], opts.Depth),
		admissions: newAdmissionTable(b),
		pool:       pool{store: s, table: b[pubOffArenas:pubOffAdmissions], limit: opts.MemoryLimit, max: opts.MaxPayload, depth: opts.Depth},
		inRing:     make([]slotID, opts.Depth),
		safe:       never,
	}
	switch {
	case opts.Depth == 1:
		w.small = -1 // while an entry is written there is nothing in it, and there is no other
	case opts.slotsOnly:
		w.small = 0
	}
	w.countIn(mem.Alloc(counters.Size))
	for i := range w.inRing {
		w.inRing[i] = noSlot
	}
	if opts.SampleSize > max(w.small, 0) {
		size := slotSizeFor(opts.SampleSize)
		stride := int64(slotHeaderSize + size)
		if err := w.pool.add(size, min(opts.Depth+w.pool.spare(stride), maxSlots), false); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// noSpace makes a *NoSpaceError of an error for want of memory that is not for a slot.
func noSpace(err error) error {
	if full := wanting(err); full != nil {
		return full
	}
	return err
}

// alsoNeed adds to what an error for want of memory says is needed what the next step would have asked for.
func alsoNeed(err error, n int64) {
	var space *SpaceError
	var memory *MemoryError
	switch {
	case errors.As(err, &space):
		space.Needed += n
	case errors.As(err, &memory):
		memory.Needed += n
	}
}

// wanting returns what is missing if err is for want of memory, else nil.
func wanting(err error) *NoSpaceError {
	var space *SpaceError
	if errors.As(err, &space) {
		return &NoSpaceError{Needed: space.Needed, Available: space.Available, Err: err}
	}
	var memory *MemoryError
	if errors.As(err, &memory) {
		return &NoSpaceError{Needed: memory.Needed, Available: max(memory.Available, 0), Err: err}
	}
	return nil
}

// CountIn moves the publisher's figures to a block of counters.Size bytes that others can read. The block must stay mapped
// until Close has returned.
func (w *Writer) CountIn(block []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	copy(block, w.bytes)
	w.countIn(block)
	w.figures.SetMemory(w.pool.taken)
	w.figures.SetLoans(w.loans)
}

func (w *Writer) countIn(block []byte) {
	w.bytes, w.figures = block, counters.NewPublisher(block)
}

// Figures returns what the publisher has counted.
func (w *Writer) Figures() counters.PublisherFigures {
	w.mu.Lock()
	defer w.mu.Unlock()
	return counters.ReadPublisher(figuresNow(w.bytes))
}

// Publish copies the parts, one after the other, into one sample. It returns how many subscriptions the sample reached.
// ctx bounds the wait for lossless subscriptions; with none of them, and without error, Publish never waits.
func (w *Writer) Publish(ctx context.Context, parts ...[]byte) (int, error) {
	n := 0
	for _, p := range parts {
		if n > math.MaxInt-len(p) {
			return 0, w.refuse(&TooLargeError{Size: math.MaxInt, Limit: int64(w.max)})
		}
		n += len(p)
	}
	if n > copyOutsideLock {
		loan, err := w.Loan(ctx, n)
		if err != nil {
			return 0, err
		}
		b := loan.Bytes()
		for _, p := range parts {
			b = b[copy(b, p):]
		}
		return loan.Commit(ctx, n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n <= w.small {
		return w.publishSmall(ctx, n, parts)
	}
	id, err := w.slotFor(ctx, n)
	if err != nil {
		w.figures.Failed()
		return 0, err
	}
	b := w.open(id)
	for _, p := range parts {
		b = b[copy(b, p):]
	}
	return w.commit(ctx, id, n)
}

// publishSmall publishes what an entry of the ring has room for. Called with mu held.
func (w *Writer) publishSmall(ctx context.Context, n int, parts [][]byte) (int, error) {
	if err := w.allows(n); err != nil {
		w.figures.Failed()
		return 0, err
	}
	if err := w.awaitRoom(ctx, noSlot); err != nil {
		return 0, err
	}
	if len(parts) == 1 {
		w.ring.fill(w.seq+1, parts[0])
	} else {
		w.ring.fill(w.seq+1, w.join(parts))
	}
	w.show(n, w.clock.Now())
	w.wakeReaders()
	return len(w.readers), nil
}

// join returns the concatenation of parts that are small together, valid until it is called again.
func (w *Writer) join(parts [][]byte) []byte {
	b := w.joined[:0]
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// allows reports whether payloads of n bytes can be published at all. Called with mu held.
func (w *Writer) allows(n int) error {
	if w.closed {
		return closed.Error("the publisher is closed")
	}
	if n < 0 || n > w.max {
		return &TooLargeError{Size: int64(n), Limit: int64(w.max)}
	}
	return nil
}

// refuse counts a publish that ends before it looks for a slot.
func (w *Writer) refuse(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.figures.Failed()
	return err
}

// copyOutsideLock is the payload size from which other publishes and admissions need not wait for the copy.
const copyOutsideLock = 64 << 10

// open returns the payload area of a slot that is to be filled. It writes to the header, which place will fill: that takes its
// cache line away from whoever read it last, long before anybody waits for it.
func (w *Writer) open(id slotID) []byte {
	killpoint.At("publish.slot")
	s := w.slot(id)
	binary.NativeEndian.PutUint64(s[slotOffSequence:], 0)
	return s[slotHeaderSize:]
}

func (w *Writer) slot(id slotID) []byte { return w.pool.arenas[id.arena()].slot(id.index()) }

// slotFor finds a slot for n payload bytes: a free one, else one that readers have let go, else new memory, else those of
// the oldest samples in the ring, or memory of theirs, which then count as lost for whoever did not read them. Called with mu
// held.
func (w *Writer) slotFor(ctx context.Context, n int) (slotID, error) {
	for {
		if err := w.allows(n); err != nil {
			return 0, err
		}
		if id, ok := w.pool.take(n, false); ok {
			return id, nil
		}
		w.pool.reclaim(w)
		if id, ok := w.pool.take(n, false); ok {
			return id, nil
		}
		err := w.pool.grow(n, false)
		w.figures.SetMemory(w.pool.taken)
		if id, ok := w.pool.take(n, err != nil); ok {
			return id, nil
		}
		var limit *LimitError
		var space *NoSpaceError
		if !errors.As(err, &limit) && !errors.As(err, &space) {
			return 0, err
		}
		id, untaken := w.withdrawFor(n)
		if id == noSlot && untaken == 0 && space != nil {
			id, untaken = w.withdrawSmaller(n, space.Err)
		}
		if id != noSlot {
			return id, nil
		}
		if untaken == 0 {
			if space != nil {
				space.Held = w.pool.countHeld()
			}
			return 0, err
		}
		if err := w.awaitTaken(ctx, func() uint64 { return untaken }); err != nil {
			return 0, err
		}
	}
}

// withdrawFor takes samples back, oldest first, until a slot for n bytes is free. What a reader holds stays, because taking
// it back would give no slot. What a lossless reader still has to take stays too, and the first such sample is reported.
// Called with mu held.
func (w *Writer) withdrawFor(n int) (id slotID, untaken uint64) {
	depth := uint64(w.ring.depth())
	w.pool.look(w)
	for seq := w.seq - min(w.seq, depth) + 1; seq <= w.seq; seq++ {
		id := w.inRing[w.ring.index(seq)]
		if id == noSlot || w.pool.arenas[id.arena()].slotSize < n || w.pool.wasHeld(id) {
			continue
		}
		if !w.taken(seq) {
			return noSlot, seq
		}
		w.withdraw(seq)
		if id, ok := w.pool.take(n, true); ok {
			return id, 0
		}
	}
	return noSlot, 0
}

// withdrawSmaller takes samples back that are in smaller slots, oldest first, until enough of these are unused for their
// memory to become a slot for n bytes. Otherwise a publisher whose limit was reached by small payloads could never publish a
// larger one. It follows a withdrawFor in vain, and reports the same.
// It is in vain where cause says that this process may map no more: the memory of slots would be given back, their place not.
func (w *Writer) withdrawSmaller(n int, cause error) (id slotID, untaken uint64) {
	if errors.As(cause, new(*MemoryError)) {
		return noSlot, 0
	}
	depth := uint64(w.ring.depth())
	yields := w.pool.yielding(n, cause != nil)
	if yields == nil {
		return noSlot, 0
	}
	for seq := w.seq - min(w.seq, depth) + 1; seq <= w.seq; seq++ {
		id := w.inRing[w.ring.index(seq)]
		if id == noSlot || !yields[id.arena()] {
			continue
		}
		if !w.taken(seq) {
			return noSlot, seq
		}
		w.withdraw(seq)
		err := w.pool.grow(n, true)
		w.figures.SetMemory(w.pool.taken)
		if err != nil {
			continue
		}
		if id, ok := w.pool.take(n, true); ok {
			return id, 0
		}
	}
	return noSlot, 0
}

// withdraw takes a sample back that is in the ring.
func (w *Writer) withdraw(seq uint64) {
	i := w.ring.index(seq)
	w.ring.word(seq).Store(ringWord(seq, slotWithdrawn))
	killpoint.At("takeback.word")
	w.pool.retire(w.inRing[i])
	w.inRing[i] = noSlot
	killpoint.At("takeback.retire")
	w.pool.reclaim(w)
}

// commit makes what a filled slot holds the newest sample. It may give up mu while it waits for lossless readers. Called with mu held;
// the slot is the pool's or the ring's again afterwards.
func (w *Writer) commit(ctx context.Context, id slotID, n int) (int, error) {
	killpoint.At("publish.copy")
	if err := w.awaitRoom(ctx, id); err != nil {
		return 0, err
	}
	if n <= w.small {
		w.ring.fill(w.seq+1, w.slot(id)[slotHeaderSize:slotHeaderSize+n])
		w.pool.put(id)
		w.show(n, w.clock.Now())
	} else {
		w.place(id, n, w.clock.Now())
	}
	w.wakeReaders()
	return len(w.readers), nil
}

// awaitRoom waits until every lossless reader has taken the sample that the next one replaces. On error the slot, if there
// is one, is free again. Called with mu held.
func (w *Writer) awaitRoom(ctx context.Context, id slotID) error {
	if w.seq+1 >= w.safe {
		if err := w.awaitTaken(ctx, func() uint64 { return w.seq + 1 - min(w.seq+1, uint64(w.ring.depth())) }); err != nil {
			w.giveUp(id)
			w.figures.Failed()
			return err
		}
	}
	if w.closed {
		w.giveUp(id)
		return closed.Error("the publisher is closed")
	}
	return nil
}

// giveUp makes a slot free that was to be published, if there is one.
func (w *Writer) giveUp(id slotID) {
	if id != noSlot {
		w.pool.put(id)
	}
}

// show makes a small payload, with which the next entry was filled, the newest sample. Readers that sleep do not know of it
// yet. Called with mu held.
func (w *Writer) show(n int, stamp int64) {
	w.ring.show(w.seq+1, stamp, n)
	w.placed(noSlot, n, stamp)
}

// place puts a filled slot into the ring. Readers that sleep do not know of it yet. Called with mu held.
func (w *Writer) place(id slotID, n int, stamp int64) {
	killpoint.At("publish.wait")
	seq := w.seq + 1
	h := w.slot(id)[:slotHeaderSize]
	binary.NativeEndian.PutUint64(h[slotOffSequence:], seq)
	binary.NativeEndian.PutUint64(h[slotOffLength:], uint64(n))
	binary.NativeEndian.PutUint64(h[slotOffPublished:], uint64(stamp))
	killpoint.At("publish.header")

	mem.Release64(w.ring.word(seq), ringWord(seq, uint32(id)))
	killpoint.At("publish.word")
	w.placed(id, n, stamp)
}

// placed notes that the next sample is in the ring, in a slot or noSlot. Called with mu held.
func (w *Writer) placed(id slotID, n int, stamp int64) {
	w.seq++
	mem.Release64(w.head, w.seq)
	killpoint.At("publish.head")
	i := w.ring.index(w.seq)
	if old := w.inRing[i]; old != noSlot {
		w.pool.retire(old)
	}
	w.inRing[i] = id
	killpoint.At("publish.retire")
	w.figures.Published(n, stamp)
	killpoint.At("publish.count")
}

// wakeReaders rings the bell if a reader went to sleep since it was rung last. A reader stores its armed word, then looks
// at the ring once more, then sleeps on the bell's old value; the sample's ring word was stored before we load armed. So
// either the reader sees the sample or we see it armed.
func (w *Writer) wakeReaders() {
	if len(w.readers) == 0 {
		return
	}
	w.fence.Add(1)
	defer w.endWake(fault.Guard())
	asleep := false
	for _, r := range w.readers {
		if a := r.armed.Load(); a != r.woken {
			r.woken = a
			asleep = asleep || a != 0
		}
	}
	killpoint.At("publish.armed")
	if asleep {
		w.ringBell()
	}
}

// endWake ends wakeReaders. Those that were found asleep before the fault count as told, so they are told.
func (w *Writer) endWake(before fault.Mode) {
	before.Restore()
	if e := recover(); e != nil {
		w.cut(e)
		w.ringBell()
		w.removeReaders((*peer).stale)
	}
}

func (w *Writer) ringBell() {
	w.bell.Add(1)
	killpoint.At("publish.bell")
	futex.Wake(w.bell)
	killpoint.At("publish.wake")
}

// Depth returns the number of ring entries.
func (w *Writer) Depth() int { return w.ring.depth() }

// MaxPayload returns the largest payload, in bytes.
func (w *Writer) MaxPayload() int { return w.max }

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
	killpoint.At("close.state")
	w.ringBell()
	killpoint.At("close.bell")
	w.wakeSleepers()
	for _, r := range w.readers {
		w.forget(r)
	}
	w.readers = nil
	w.figures.SetSubscribers(0)
	w.countIn(slices.Clone(w.bytes)) // the shared block goes away
	killpoint.At("close.figures")
	var err error
	if w.path != "" {
		if err = os.Remove(w.path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		killpoint.At("close.name")
	}
	return errors.Join(err, w.closeStoreIfUnused())
}

func (w *Writer) closeStoreIfUnused() error {
	if w.closed && w.loans == 0 && w.sleepers == 0 {
		return w.store.close()
	}
	return nil
}
