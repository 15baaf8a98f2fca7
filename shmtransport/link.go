package shmtransport

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/sigbus"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// A Link is a reader's end of one publisher's ring. All but the link page is the publisher's memory, mapped read-only.
// Each word of that memory is read once, and used only after a check against what the Link itself knows.
type Link struct {
	id         PublisherID
	readerID   uint64 // participant id of the reader
	key        uint64 // link index and generation
	history    uint32
	requestGen uint32 // admission generation before the publisher could see the request
	view       view
	userData   any

	bell       *atomic.Uint32
	state      *atomic.Uint32
	head       *atomic.Uint64
	wakeCursor *atomic.Uint64
	admitGen   *atomic.Uint32
	full       *atomic.Uint32
	admissions []byte
	arenaTable []byte
	ring       ring.Ring
	keyTable   []atomic.Uint64 // empty for a publisher without keys
	limit      uint64          // largest valid slot, bytes
	arenas     [MaxArenas]viewArena

	cursorWord *atomic.Uint64
	cursorLow  *atomic.Uint32
	armed      *atomic.Uint32
	marksUsed  *atomic.Uint32
	resets     *atomic.Uint32
	marks      []atomic.Uint32
	holdings   []atomic.Uint64 // by mark: whether and how the application holds a sample
	copies     []*ring.Copy    // by mark: a small sample

	// For the goroutine that has the Reader's lock.
	phase              linkPhase
	polling            bool   // armedPolling was stored: the next sleep needs a heavy fence
	passive            bool   // the publisher does not know of this link: see ConnectPassive
	seenGen            uint32 // value of admitGen at the last check, or another value if there was none
	cursor             uint64 // the next sequence to take
	restedAt           uint64 // cursor at the last rest
	wakeAfter          uint64 // samples of which the last one ends a rest
	start              uint64 // the first sequence that counts
	lost               uint64 // since the last sample taken
	keys               keyScan
	highWater          uint32 // private copy of marksUsed
	answeredWakeCursor uint64 // wake cursor that was answered last
	mappedBytes        int64  // bytes of mapped arenas
	mappedArenas       int64  // number of mapped arenas
	lastCopied         int    // the mark whose copy was made last
	emptyChecks        int    // checks in a row that found no sample at the cursor
	lastInSlot         bool   // the last sample had a slot; the next one then probably has, and nothing in the entry but its word

	retry     atomic.Bool   // a starved link may try again
	fenceWord atomic.Uint32 // for full fences; its value means nothing

	holdingsUsed atomic.Int32 // holdings at or above this index were never active
	drains       atomic.Bool  // the link is closed, and the pin of the samples held remains

	// For a publisher that ended; see queueEnded. A Link with kept has neither ring nor page, and cursorWord is an
	// index into kept.
	kept    []keptSample
	missing uint64 // samples missing after the last one in kept
	last    uint64 // the newest sequence in the ring
	cost    int64  // bytes that count against EndedLimit

	owner *Reader               // set by addLink
	fault atomic.Pointer[error] // the fault that a reader of a payload found
	seen  seenRing

	delivered lastDelivered // needs the Reader's lock

	exited atomic.Bool // the kernel says that the publisher's process has exited
	// pins has one for the Reader, one for all samples held, and one for each load of the bell by another goroutine. At
	// 0 the memory is unmapped.
	pins     atomic.Int64
	freePage func() // frees the link page
}

// A linkPhase says from where take gets samples.
type linkPhase int

const (
	linkRequested linkPhase = iota // from nowhere: the publisher has not admitted the link
	linkAdmitted                   // from the ring
	linkStarved                    // from the ring, when the memory for an arena can be mapped; see Retry
	linkKept                       // from kept: the publisher ended
)

// openLink checks the header of a publisher's ring and maps it. The link is usable after attach.
func openLink(v view, id PublisherID) (_ *Link, err error) {
	defer endOpen(sigbus.Guard(), v, &err)
	corrupt := func(format string, args ...any) error {
		return &errdefs.CorruptError{Path: v.name(), What: fmt.Sprintf(format, args...)}
	}
	h := mem.Alloc(pubOffKeys + 8) // the constant fields; read rather than mapped, so that the file is mapped once
	if err := v.readAt(h, 0); errors.Is(err, io.EOF) {
		return nil, corrupt("it ends within the header")
	} else if err != nil {
		return nil, err
	}
	if magic := mem.Uint64(h, pubOffMagic).Load(); magic != publisherMagic {
		return nil, corrupt("magic %#x is not a publisher's", magic)
	}
	if theirs := mem.Uint32(h, pubOffVersion).Load(); theirs != LayoutVersion {
		return nil, &errdefs.VersionError{Path: v.name(), Found: theirs, Known: LayoutVersion}
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
	keys := mem.Uint32(h, pubOffKeys).Load()
	if keys > MaxKeys {
		return nil, corrupt("%d keys", keys)
	}
	whole, err := v.window(0, ringEnd(int(depth), int(keys)))
	if errors.As(err, new(*errdefs.MemoryError)) {
		return nil, err
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
		ring:       ring.New(whole[pubOffRing:], int(depth)),
		keyTable:   mem.Uint64s(whole, keyTableOffset(int(depth)), int(keys)),
		limit:      limit + limit/8 + largeSlot,
		freePage:   func() {},
	}
	l.requestGen = l.admitGen.Load()
	l.seenGen = l.requestGen - 1
	l.pins.Store(2)
	return l, nil
}

// attach gives the link its page in the participant's own reader file.
func (l *Link) attach(page []byte, maxHeld int) {
	l.cursorWord = mem.Uint64(page, pageOffCursor)
	l.cursorLow = mem.Uint32(page, pageOffCursor+mem.LowHalf)
	l.armed = mem.Uint32(page, pageOffArmed)
	l.marksUsed = mem.Uint32(page, pageOffMarksUsed)
	l.resets = mem.Uint32(page, pageOffResets)
	l.marks = mem.Uint32s(page, pageOffMarks, maxHeld)
	l.holdings = make([]atomic.Uint64, maxHeld)
	l.copies = make([]*ring.Copy, maxHeld)
	for k := range l.holdings {
		l.holdings[k].Store(uint64(k))
	}
}

// untaken returns the number of samples that an ended publisher published and this link did not take. It returns 0 for
// a head that no publisher can have reached.
func (l *Link) untaken() uint64 {
	if n := l.newest(); n >= l.cursor && n-l.cursor < 1<<40 {
		return n + 1 - l.cursor
	}
	return 0
}

func (l *Link) corrupt(format string, args ...any) error {
	return &errdefs.CorruptError{Path: l.view.name(), What: fmt.Sprintf(format, args...)}
}
