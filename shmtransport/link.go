package shmtransport

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// A Link is a reader's end of one publisher's ring. Everything but the link page is the publisher's memory, mapped
// read-only: each word of it is read once, and used only after a check against what the Link itself knows.
type Link struct {
	id         PublisherID
	readerID   uint64 // participant id of the reader
	key        uint64 // link index and generation
	history    uint32
	requestGen uint32 // admission generation before the publisher could see the request
	view       view
	tag        any

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
	holdings   []atomic.Uint64 // the use of each mark
	copies     []*entryCopy    // by mark: a small sample

	// For the goroutine that has the Reader's turn.
	admitted           bool   // and nothing keeps us from taking
	starved            bool   // admitted, but an arena could not be mapped for want of address space
	checked            bool   // admitGen was looked at
	passive            bool   // the publisher does not know of this link, and never will: see ConnectPassive
	seenGen            uint32 // value of admitGen at the last look
	cursor             uint64 // the next sequence to take
	start              uint64 // the first sequence that counts
	lost               uint64 // since the last sample taken
	highWater          uint32 // our own copy of marksUsed
	answeredWakeCursor uint64 // wake cursor that was last answered
	takes              uint64 // samples taken and marked
	mappedBytes        int64  // bytes of arenas
	mappedArenas       int64  // arenas that are mapped
	lastCopied         int    // the mark whose copy was made last

	retry atomic.Bool   // a starved link may try again
	fence atomic.Uint32 // its value means nothing

	released        atomic.Uint64 // marked samples released
	holdingsUsed    atomic.Int32  // uses at or above this index never began
	finalTakes      atomic.Uint64 // takes + 1 when there are no more, 0 before
	samplesUnpinned atomic.Bool   // all are released, and there are no more

	// Of a publisher that ended; see retire. What is kept makes the Link one without ring and page, and cursorWord counts in it.
	kept    []keptSample
	missing uint64 // samples missing after the last that is kept
	last    uint64 // the newest in the ring
	cost    int64  // bytes that what is left counts

	owner *Reader               // set by add
	fault atomic.Pointer[error] // what is wrong with the memory, says who read a payload

	exited   atomic.Bool  // the publisher's process is dead, says the kernel
	pins     atomic.Int64 // the Reader, all samples held, each look at the bell from elsewhere; at 0 the memory goes
	freePage func()       // gives the link page back
}

// openLink checks the header of a publisher's ring and maps it. The link is of use after attach.
func openLink(v view, id PublisherID) (_ *Link, err error) {
	defer endOpen(sigbus.Guard(), v, &err)
	corrupt := func(format string, args ...any) error {
		return &CorruptError{Where: v.name(), What: fmt.Sprintf(format, args...)}
	}
	h := mem.Alloc(pubOffMaxPayload + 8) // the fields that the publisher never changes; read, so that the file is mapped once
	if err := v.readAt(h, 0); errors.Is(err, io.EOF) {
		return nil, corrupt("it ends within the header")
	} else if err != nil {
		return nil, err
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
		bell:       v.bell(),
		state:      mem.Uint32(whole, pubOffState),
		head:       mem.Uint64(whole, pubOffHead),
		wakeCursor: mem.Uint64(whole, pubOffWakeCursor),
		admitGen:   mem.Uint32(whole, pubOffAdmitGen),
		full:       mem.Uint32(whole, pubOffFull),
		admissions: whole[pubOffAdmissions:pubOffRing],
		arenaTable: whole[pubOffArenas:pubOffAdmissions],
		ring:       newRing(whole[pubOffRing:], int(depth)),
		limit:      limit + limit/8 + largeSlot,
		freePage:   func() {},
	}
	l.requestGen = l.admitGen.Load()
	l.pins.Store(2)
	return l, nil
}

// attach gives the link its page in our own reader file.
func (l *Link) attach(page []byte, maxHeld int) {
	l.cursorWord = mem.Uint64(page, pageOffCursor)
	l.cursorLow = mem.Uint32(page, pageOffCursor+mem.LowHalf)
	l.armed = mem.Uint32(page, pageOffArmed)
	l.marksUsed = mem.Uint32(page, pageOffMarksUsed)
	l.marks = mem.Uint32s(page, pageOffMarks, maxHeld)
	l.holdings = make([]atomic.Uint64, maxHeld)
	l.copies = make([]*entryCopy, maxHeld)
	for k := range l.holdings {
		l.holdings[k].Store(uint64(k))
	}
}

// untaken is how many samples an ended publisher published that were not taken. A head that says more than anybody could
// have published is not believed.
func (l *Link) untaken() uint64 {
	if n := l.newest(); n >= l.cursor && n-l.cursor < 1<<40 {
		return n + 1 - l.cursor
	}
	return 0
}

func (l *Link) corrupt(format string, args ...any) error {
	return &CorruptError{Where: l.view.name(), What: fmt.Sprintf(format, args...)}
}
