package shmtransport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/fault"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/killpoint"
	"github.com/shmbus/shmbus/internal/mem"
)

// A Link is a reader's end of one publisher's ring. Everything but the link page is the publisher's memory, mapped
// read-only: each word of it is read once, and used only after a check against what the Link itself knows.
type Link struct {
	id      PublisherID
	reader  uint64 // participant id of the reader
	key     uint64 // link index and generation
	history uint32
	opened  uint32 // admission generation before the publisher could see the request
	view    view
	tag     any

	bell       *atomic.Uint32
	state      *atomic.Uint32
	head       *atomic.Uint64
	wakeCursor *atomic.Uint64
	admitGen   *atomic.Uint32
	full       *atomic.Uint32
	admissions []byte
	arenaTable []byte
	ring       ring
	limit      uint64 // largest slot to believe in, bytes
	arenas     [MaxArenas]viewArena

	cursorWord *atomic.Uint64
	cursorLow  *atomic.Uint32
	armed      *atomic.Uint32
	marksUsed  *atomic.Uint32
	marks      []atomic.Uint32
	uses       []atomic.Uint64 // the use of each mark
	copies     []*entryCopy    // by mark: a small sample

	// For the goroutine that has the Reader's turn.
	admitted  bool   // and nothing keeps us from taking
	starved   bool   // admitted, but an arena could not be mapped for want of address space
	checked   bool   // admitGen was looked at
	watching  bool   // the publisher does not know of this link, and never will: see Watch
	seenGen   uint32 // value of admitGen at the last look
	cursor    uint64 // the next sequence to take
	start     uint64 // the first sequence that counts
	lost      uint64 // since the last sample taken
	highWater uint32 // our own copy of marksUsed
	woken     uint64 // wake cursor that was last answered
	takes     uint64 // samples taken and marked
	mapped    int64  // bytes of arenas
	pieces    int64  // arenas that are mapped
	usedUp    int    // uses at or above this index never began
	recent    int    // the mark whose copy was made last
	held      int64  // uses that had not ended when countedAt was the last to end
	countedAt uint64

	retry atomic.Bool   // a starved link may try again
	fence atomic.Uint32 // its value means nothing

	released atomic.Uint64 // marked samples released
	lastEnd  atomic.Uint64 // a use that ended last, or nearly
	final    atomic.Uint64 // takes + 1 when there are no more, 0 before
	drained  atomic.Bool   // all are released, and there are no more

	owner   *Reader               // set by add
	spoiled atomic.Pointer[error] // what is wrong with the memory, says who read a payload

	gone  atomic.Bool  // the publisher's process is dead, says the kernel
	users atomic.Int64 // the Reader, all samples held, each look at the bell from elsewhere; at 0 the memory goes
	free  func()       // gives the link page back
}

// viewArena is one arena of the publisher as this process mapped it.
type viewArena struct {
	b        []byte // nil for a link that only watches
	off      uint64
	slotSize uint64
	slots    uint32
}

// outcome is what an attempt to take a sample came to.
type outcome int

const (
	nothing   outcome = iota // no sample yet
	taken                    //
	gone                     // the sample at the cursor cannot be had any more
	again                    // the publisher laps us; there is something, but not in this attempt
	heldLimit                // every mark is in use
)

// openLink checks the header of a publisher's ring and maps it. The link is of use after attach.
func openLink(v view, id PublisherID) (_ *Link, err error) {
	defer endOpen(fault.Guard(), v, &err)
	h, err := v.window(0, pubOffRing)
	if err != nil {
		return nil, noSpace(err)
	}
	corrupt := func(format string, args ...any) error {
		return &CorruptError{Where: v.name(), What: fmt.Sprintf(format, args...)}
	}
	if magic := mem.Uint64(h, pubOffMagic).Load(); magic != publisherMagic {
		return nil, corrupt("magic %#x is not a publisher's", magic)
	}
	if theirs := mem.Uint32(h, pubOffVersion).Load(); theirs != LayoutVersion {
		return nil, &VersionError{Path: v.name(), Theirs: theirs, Ours: LayoutVersion}
	}
	depth := mem.Uint32(h, pubOffDepth).Load()
	if depth == 0 || depth > MaxDepth || depth&(depth-1) != 0 {
		return nil, corrupt("depth %d", depth)
	}
	owner := PublisherID{mem.Uint64(h, pubOffOwner).Load(), mem.Uint32(h, pubOffNumber).Load()}
	if owner != id {
		return nil, corrupt("it belongs to publisher %v, not %v", owner, id)
	}
	limit := mem.Uint64(h, pubOffMaxPayload).Load()
	if limit > MaxPayload {
		return nil, corrupt("largest payload %d", limit)
	}
	whole, err := v.window(0, pubOffRing+ringBytes(int(depth)))
	if errors.As(err, new(*MemoryError)) {
		return nil, noSpace(err)
	}
	if err != nil {
		return nil, corrupt("%v", err)
	}
	l := &Link{
		id: id, view: v,
		bell:       mem.Uint32(whole, pubOffBell),
		state:      mem.Uint32(whole, pubOffState),
		head:       mem.Uint64(whole, pubOffHead),
		wakeCursor: mem.Uint64(whole, pubOffWakeCursor),
		admitGen:   mem.Uint32(whole, pubOffAdmitGen),
		full:       mem.Uint32(whole, pubOffFull),
		admissions: whole[pubOffAdmissions:pubOffRing],
		arenaTable: whole[pubOffArenas:pubOffAdmissions],
		ring:       newRing(whole[pubOffRing:], int(depth)),
		limit:      limit + limit/8 + largeSlot,
		free:       func() {},
	}
	l.opened = l.admitGen.Load()
	l.users.Store(2)
	return l, nil
}

// attach gives the link its page in our own reader file.
func (l *Link) attach(page []byte, maxHeld int) {
	l.cursorWord = mem.Uint64(page, pageOffCursor)
	l.cursorLow = mem.Uint32(page, pageOffCursor+mem.LowHalf)
	l.armed = mem.Uint32(page, pageOffArmed)
	l.marksUsed = mem.Uint32(page, pageOffMarksUsed)
	l.marks = mem.Uint32s(page, pageOffMarks, maxHeld)
	l.uses = make([]atomic.Uint64, maxHeld)
	l.copies = make([]*entryCopy, maxHeld)
	for k := range l.uses {
		l.uses[k].Store(uint64(k))
	}
}

// ended reports whether the publisher will never publish again: it said so, or its process is dead. What is in the ring
// then stays as it is.
func (l *Link) ended() bool { return l.gone.Load() || l.state.Load() == stateClosed }

// connected reports whether samples may be taken, and begins to as soon as that is so.
func (l *Link) connected() (bool, error) {
	if l.admitted {
		return true, nil
	}
	if l.starved {
		if !l.retry.Swap(false) {
			return false, nil
		}
		l.starved, l.admitted = false, true
		return true, nil
	}
	ended := l.ended()
	gen := l.admitGen.Load()
	if !ended && l.checked && gen == l.seenGen {
		return false, nil
	}
	l.checked, l.seenGen = true, gen
	if start, ok := l.admission(); ok {
		l.begin(start)
		return true, nil
	}
	if ended {
		// Nothing is reused any more, so nobody has to watch our marks.
		l.begin(startFor(uint64(l.history), l.newest(), l.ring.depth()))
		return true, nil
	}
	if l.refused() {
		return false, l.refusal()
	}
	return false, nil
}

// refused reports whether the publisher had no room for another reader after it could see this one's request. What it said
// before was to somebody else, and may be true no longer: whoever makes room takes full back before it changes the generation.
func (l *Link) refused() bool { return l.admitGen.Load() != l.opened && l.full.Load() != 0 }

func (l *Link) refusal() error {
	return &LimitError{What: fmt.Sprintf("subscriptions of publisher %v", l.id), Limit: MaxReaders, Remedy: "close some, or publish for them on another topic"}
}

// admission looks for the entry with which the publisher says that it watches this link's marks.
func (l *Link) admission() (start uint64, ok bool) {
	for i := range MaxReaders {
		e := l.admissions[i*admissionEntrySize : (i+1)*admissionEntrySize]
		if mem.Uint64(e, admOffReader).Load() != l.reader || mem.Uint64(e, admOffLink).Load() != l.key {
			continue
		}
		start = mem.Uint64(e, admOffStart).Load()
		if mem.Uint32(e, admOffStatus).Load() == statusAdmitted {
			return start, true
		}
	}
	return 0, false
}

func (l *Link) begin(start uint64) {
	l.admitted = true
	l.start = max(start, 1)
	l.cursor = l.start
	l.cursorWord.Store(l.cursor)
	killpoint.At("admit.begin")
}

// newest returns the sequence of the newest sample of a ring that no longer changes. The head may lag behind the ring when
// the publisher died in between.
func (l *Link) newest() uint64 {
	head := l.head.Load()
	newest := head
	for i := range l.ring.depth() {
		if w := l.ring.word(uint64(i)).Load(); w != 0 {
			if d := ahead(w, head); d > 0 && d <= int64(l.ring.depth()) {
				newest = max(newest, head+uint64(d))
			}
		}
	}
	return newest
}

// rest is how many samples an ended publisher published that were not taken. A head that says more than anybody could
// have published is not believed.
func (l *Link) rest() uint64 {
	if n := l.newest(); n >= l.cursor && n-l.cursor < 1<<40 {
		return n + 1 - l.cursor
	}
	return 0
}

// waiting reports whether take would come to something.
func (l *Link) waiting() bool {
	if !l.admitted {
		if l.starved {
			return l.retry.Load()
		}
		return l.ended() || !l.checked || l.admitGen.Load() != l.seenGen
	}
	return ahead(l.ring.word(l.cursor).Load(), l.cursor) >= 0 || l.ended()
}

// take hands out the next sample. It is the ring word that says where that is; when the publisher laps us meanwhile, the word
// is another one afterwards.
func (l *Link) take(s *Sample) (outcome, error) {
	if !l.admitted {
		if ok, err := l.connected(); !ok {
			return nothing, err
		}
	}
	for try, takenBack := 0, 0; try < 8 && takenBack < l.ring.depth(); {
		word := l.ring.word(l.cursor).Load()
		switch d := ahead(word, l.cursor); {
		case d < 0:
			return nothing, nil
		case d > 0:
			if err := l.skip(d, try); err != nil {
				return nothing, err
			}
			try++
			continue
		}
		o, err := l.claim(s, word)
		switch o {
		case taken:
			l.advance()
			return taken, nil
		case gone:
			l.lost++
			l.advance()
			takenBack++
		case again:
			try++
		default:
			return o, err
		}
	}
	return again, nil
}

// claim makes the sample at the cursor, which word names, the application's, or fails because it is there no more.
func (l *Link) claim(s *Sample, word uint64) (outcome, error) {
	killpoint.At("take.load")
	slot := uint32(word & slotMask)
	if slot == slotWithdrawn {
		return gone, nil
	}
	k := l.freeMark()
	if k < 0 {
		return heldLimit, nil
	}
	if slot >= slotInEntry {
		return l.copyEntry(s, k, int(slot-slotInEntry))
	}
	if l.watching {
		return l.copySlot(s, k, word)
	}
	// Unchanged after the mark, the word says that the slot was in the ring when the mark was there to be seen; and a slot that
	// leaves the ring later is not reused before the publisher has looked at the marks.
	l.useMark(k)
	l.marks[k].Store(slot + 1)
	killpoint.At("take.mark")
	if l.ring.word(l.cursor).Load() != word {
		l.marks[k].Store(0)
		return again, nil
	}
	if err := l.read(s, slot); err != nil {
		l.marks[k].Store(0)
		return nothing, err
	}
	l.hand(s, k, marked)
	return taken, nil
}

// copyEntry copies a small sample of n bytes out of its entry.
func (l *Link) copyEntry(s *Sample, k, n int) (outcome, error) {
	if n > smallPayload {
		return nothing, l.corrupt("sample %d has %d bytes in an entry", l.cursor, n)
	}
	c := l.copies[k]
	if c == nil {
		c = new(entryCopy)
		l.copies[k] = c
	}
	c.sequence = 0
	if !l.ring.read(l.cursor, c, n) {
		return gone, nil
	}
	killpoint.At("copy.check")
	c.sequence, c.n, l.recent = l.cursor, n, k
	s.sequence, s.stamp, s.payload = l.cursor, c.stamp, mem.SpanOfWords(c.words[:], n)
	l.hand(s, k, copied)
	return taken, nil
}

// hand makes s the application's, which is read and stands for a use of mark k.
func (l *Link) hand(s *Sample, k int, how use) {
	s.link, s.use = l, use(l.uses[k].Load())|how
	mem.Set64(&l.uses[k], uint64(s.use)) // whoever cleared it before is done with it
	s.lost, l.lost = l.lost, 0
	if how == marked {
		l.takes++
	}
	l.usedUp = max(l.usedUp, k+1)
	l.held++
}

// skip moves the cursor to a sample that is still in the ring and counts what it passes. d is how far the entry at the
// cursor is ahead of it. After each lap within one take it leaves the publisher more room.
func (l *Link) skip(d int64, try int) error {
	depth := uint64(l.ring.depth())
	if uint64(d)&(depth-1) != 0 {
		return l.corrupt("ring entry %d holds sequence %d", l.cursor&(depth-1), l.cursor+uint64(d))
	}
	newest := l.cursor + uint64(d)
	if h := l.head.Load(); h > newest && h-newest < 1<<40 {
		newest = h
	}
	next := newest + 1 - depth
	if try > 0 {
		next += depth >> max(1, 4-try)
	}
	next = max(next, l.cursor+1)
	l.lost += next - l.cursor
	l.cursor = next
	l.cursorWord.Store(next)
	killpoint.At("skip.cursor")
	l.wakePublisher()
	killpoint.At("skip.wake")
	return nil
}

func (l *Link) advance() {
	l.cursor++
	mem.Release64(l.cursorWord, l.cursor)
	killpoint.At("take.cursor")
	l.wakePublisher()
	killpoint.At("take.wake")
}

// wakePublisher wakes a publisher that waits for this reader to get this far.
func (l *Link) wakePublisher() {
	if at := l.wakeCursor.Load(); at != 0 && l.cursor >= at && at != l.woken {
		l.woken = at
		futex.Wake(l.cursorLow)
	}
}

// freeMark returns an unused mark, -1 if there is none. Only the goroutine that has the turn sets marks. Whoever clears one
// ends its use first.
func (l *Link) freeMark() int { return l.freeFrom(0) }

// freeFrom is freeMark for marks from number k on.
func (l *Link) freeFrom(k int) int {
	for ; k < len(l.uses); k++ {
		if !use(l.uses[k].Load()).inUse() && l.marks[k].Load() == 0 {
			return k
		}
	}
	return -1
}

// useMark lets the publisher look at mark k, before it is set.
func (l *Link) useMark(k int) {
	if uint32(k) >= l.highWater {
		l.highWater = uint32(k) + 1
		l.marksUsed.Store(l.highWater)
		killpoint.At("take.used")
	}
}

// read fills s from a marked slot.
func (l *Link) read(s *Sample, slot uint32) error {
	killpoint.At("take.check")
	k := int(slot >> slotIndexBits)
	if k >= MaxArenas {
		return l.corrupt("arena %d of at most %d", k, MaxArenas)
	}
	a := &l.arenas[k]
	if a.b == nil {
		if err := l.mapArena(k, a); err != nil {
			return err
		}
	}
	i := slot & (maxSlots - 1)
	if i >= a.slots {
		return l.corrupt("slot %d of arena %d, which has %d", i, k, a.slots)
	}
	stride := slotHeaderSize + a.slotSize
	b := a.b[uint64(i)*stride:][:stride:stride]
	seq := binary.NativeEndian.Uint64(b[slotOffSequence:])
	n := binary.NativeEndian.Uint64(b[slotOffLength:])
	if seq != l.cursor {
		return l.corrupt("slot of sequence %d holds sequence %d", l.cursor, seq)
	}
	if n > a.slotSize {
		return l.corrupt("sample %d has %d bytes in a slot of %d", seq, n, a.slotSize)
	}
	s.sequence = seq
	s.stamp = int64(binary.NativeEndian.Uint64(b[slotOffPublished:]))
	s.payload = mem.SpanOf(b[slotHeaderSize : slotHeaderSize+n : slotHeaderSize+n])
	killpoint.At("take.read")
	return nil
}

// starve leaves the link alone until retry. Its cursor stays where it is: what the publisher replaces meanwhile is counted as
// lost, as with every other reader that is late.
func (l *Link) starve() { l.admitted, l.starved = false, true }

// maxMapped is how many bytes of publishers' slots one participant maps, half of the addresses that a 32-bit program has and an
// eighth of those of another. A file may say that it has more, which costs its owner nothing, and would leave none for the heap.
const maxMapped = 1<<(31+13*(^uint(0)>>63)) - 1

// mapArena maps an arena when a ring word first names it.
func (l *Link) mapArena(k int, a *viewArena) error {
	if err := l.readArena(k, a); err != nil {
		return err
	}
	n := (slotHeaderSize + a.slotSize) * uint64(a.slots)
	if n != uint64(int(n)) || int(n) < 0 {
		return l.corrupt("arena %d of %d bytes does not fit this process", k, n)
	}
	all, arenas := l.budget(int64(n), 1)
	switch {
	case arenas > maxArenasMapped:
		l.budget(-int64(n), -1)
		return &LimitError{What: fmt.Sprintf("pieces of memory of publishers, with one more of %v", l.id), Limit: maxArenasMapped, Remedy: "subscribe to fewer publishers in one process, or set their SampleSize"}
	case all > maxMapped:
		l.budget(-int64(n), -1)
		return &LimitError{What: fmt.Sprintf("bytes of memory of publishers, with %d of %v", n, l.id), Limit: maxMapped, Remedy: "subscribe to fewer publishers in one process"}
	}
	b, err := l.view.window(int64(a.off), int(n))
	if err != nil {
		l.budget(-int64(n), -1)
	}
	if errors.As(err, new(*MemoryError)) {
		return err // the trouble is ours
	}
	if err != nil {
		return l.corrupt("arena %d: %v", k, err)
	}
	a.b = b
	return nil
}

// maxArenasMapped is how many arenas one participant maps: half of what Linux lets a process map. One publisher may have 127, and
// one participant hundreds of publishers, each of them a page; a Go program that may map no more ends.
const maxArenasMapped = 1 << 15

// budget notes that the link maps n bytes more in so many arenas more, and returns what all links of the participant map.
func (l *Link) budget(n, arenas int64) (allBytes, allArenas int64) {
	l.mapped, l.pieces = l.mapped+n, l.pieces+arenas
	if l.owner == nil {
		return l.mapped, l.pieces
	}
	w := l.owner.waits
	return w.mapped.Add(n), w.pieces.Add(arenas)
}

// readArena reads, once, where an arena is and what is in it.
func (l *Link) readArena(k int, a *viewArena) error {
	e := l.arenaTable[k*arenaEntrySize : (k+1)*arenaEntrySize]
	off := mem.Uint64(e, arenaOffOffset).Load()
	size := mem.Uint64(e, arenaOffSlotSize).Load()
	slots := mem.Uint32(e, arenaOffSlots).Load()
	if off == 0 || off > 1<<50 || size == 0 || size%slotAlign != 0 || size > l.limit || slots == 0 || slots > maxSlots {
		return l.corrupt("arena %d at %d: %d slots of %d bytes", k, off, slots, size)
	}
	a.off, a.slotSize, a.slots = off, size, slots
	return nil
}

func (l *Link) corrupt(format string, args ...any) error {
	return &CorruptError{Where: l.view.name(), What: fmt.Sprintf(format, args...)}
}

// release ends a use. It may be called from any goroutine. Only what was marked pins the ring and our page in memory, and
// only then they are touched here.
func (l *Link) release(u use) {
	k := u.mark()
	if !l.uses[k].CompareAndSwap(uint64(u), uint64(u.next())) {
		return // released before
	}
	mem.Release64(&l.lastEnd, uint64(u))
	if u&marked == 0 {
		return
	}
	mem.Release32(&l.marks[k], 0)
	killpoint.At("take.release")
	if n := l.released.Add(1); n+1 == l.final.Load() {
		l.drain()
	}
}

// unreleased is how many samples the application holds. Called with the turn.
func (l *Link) unreleased() int64 {
	last := l.lastEnd.Load()
	if last == l.countedAt {
		return l.held
	}
	l.held, l.countedAt = 0, last // one that ends from here on is another last one
	for k := range l.usedUp {
		if use(l.uses[k].Load()).inUse() {
			l.held++
		}
	}
	return l.held
}

// drain gives up what the samples had together. Close and the last release may both find that it is time.
func (l *Link) drain() {
	if l.drained.CompareAndSwap(false, true) {
		l.unpin()
	}
}

// close gives the ring up. Samples that are still held stay valid; the memory goes when the last one is released. Called
// once, by the goroutine that has the turn, or when there is none any more.
func (l *Link) close() {
	// Beyond any sequence, so that no publisher waits for this subscription while a sample of it is held. Whether one sleeps
	// is not asked: that would be a look at memory that may be what the link is closed for.
	l.cursorWord.Store(math.MaxUint64)
	killpoint.At("disconnect.cursor")
	futex.Wake(l.cursorLow)
	killpoint.At("disconnect.wake")
	l.final.Store(l.takes + 1)
	if l.released.Load() == l.takes {
		l.drain()
	}
	l.unpin()
}

// pin keeps page and ring mapped until unpin. The caller knows that they are mapped now.
func (l *Link) pin() { l.users.Add(1) }

// unpin is the last thing its caller does with page or ring: another goroutine may unmap them at once.
func (l *Link) unpin() {
	if l.users.Add(-1) == 0 {
		if r := l.owner; r != nil {
			r.waits.mapped.Add(-l.mapped)
			r.waits.pieces.Add(-l.pieces)
		}
		l.free()
		l.view.close()
	}
}
