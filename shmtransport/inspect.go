package shmtransport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// A PublisherState is the content of a publisher's file at one moment, for tools that do not take part.
type PublisherState struct {
	ID         PublisherID
	Path       string
	Depth      int
	Keys       int   // keys that have a sample
	MaxKeys    int   // 0 = the publisher has no keys
	MaxPayload int64 // bytes
	Closed     bool  // it publishes nothing more
	Full       bool  // there is no room for another subscription
	Waiting    bool  // a publish waits for a lossless subscription
	Head       uint64
	Admitted   []Admission
	arenas     []arenaState
	inRing     [MaxArenas]bool // arenas that words of ring and key table name
}

// An Admission is a link whose marks a publisher respects.
type Admission struct {
	Reader           uint64 // participant id
	Link, Generation uint32
	Start            uint64 // the first sequence that the reader accounts for
}

type arenaState struct {
	off, slotSize int64
	slots         uint32
}

// Slots returns the number of slots that a publisher has ever made, and their size in bytes, part of which may have
// been freed.
func (p *PublisherState) Slots() (n int, size int64) {
	for _, a := range p.arenas {
		n += int(a.slots)
		size += (slotHeaderSize + a.slotSize) * int64(a.slots)
	}
	return n, size
}

// InspectPublisher reads a publisher's file, without mapping it. Invalid content is a *errdefs.CorruptError, another layout a
// *errdefs.VersionError.
func InspectPublisher(path string, id PublisherID) (*PublisherState, error) {
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, h, err := inspectHeader(f, path, id)
	if err != nil {
		return nil, err
	}
	if err := p.readArenas(f, h); err != nil {
		return nil, err
	}
	if err := p.readRing(f); err != nil {
		return p, err
	}
	return p, p.readKeys(f)
}

// InspectHeader is InspectPublisher without ring, keys and slots, of which it reads nothing: one read for head and admissions.
func InspectHeader(path string, id PublisherID) (*PublisherState, error) {
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, _, err := inspectHeader(f, path, id)
	return p, err
}

func (p *PublisherState) corrupt(format string, args ...any) error {
	return &errdefs.CorruptError{Path: p.Path, What: fmt.Sprintf(format, args...)}
}

// inspectHeader also returns the bytes of the header.
func inspectHeader(f *shm.File, path string, id PublisherID) (*PublisherState, []byte, error) {
	p := &PublisherState{ID: id, Path: path}
	h := make([]byte, pubOffRing)
	if err := readFull(f, h, 0); err != nil {
		return nil, nil, p.corrupt("the header cannot be read: %v", err)
	}
	if magic := binary.NativeEndian.Uint64(h[pubOffMagic:]); magic != publisherMagic {
		return nil, nil, p.corrupt("magic %#x is not a publisher's", magic)
	}
	if v := binary.NativeEndian.Uint32(h[pubOffVersion:]); v != LayoutVersion {
		return nil, nil, &errdefs.VersionError{Path: path, Found: v, Known: LayoutVersion}
	}
	owner := PublisherID{binary.NativeEndian.Uint64(h[pubOffOwner:]), binary.NativeEndian.Uint32(h[pubOffNumber:])}
	if owner != id {
		return nil, nil, p.corrupt("it belongs to publisher %v, not %v", owner, id)
	}
	depth := binary.NativeEndian.Uint32(h[pubOffDepth:])
	if depth == 0 || depth > MaxDepth || depth&(depth-1) != 0 {
		return nil, nil, p.corrupt("depth %d", depth)
	}
	limit := binary.NativeEndian.Uint64(h[pubOffMaxPayload:])
	if limit > MaxPayload {
		return nil, nil, p.corrupt("largest payload %d", limit)
	}
	keys := binary.NativeEndian.Uint32(h[pubOffKeys:])
	if keys > MaxKeys {
		return nil, nil, p.corrupt("%d keys", keys)
	}
	p.Depth, p.MaxKeys, p.MaxPayload = int(depth), int(keys), int64(limit)
	p.Closed = binary.NativeEndian.Uint32(h[pubOffState:]) == stateClosed
	p.Full = binary.NativeEndian.Uint32(h[pubOffFull:]) != 0
	p.Waiting = binary.NativeEndian.Uint64(h[pubOffWakeCursor:]) != 0
	p.Head = binary.NativeEndian.Uint64(h[pubOffHead:])
	for i := range MaxReaders {
		e := h[pubOffAdmissions+i*admissionEntrySize:]
		if key := binary.NativeEndian.Uint64(e[admOffLink:]); binary.NativeEndian.Uint32(e[admOffStatus:]) == statusAdmitted {
			p.Admitted = append(p.Admitted, Admission{
				Reader: binary.NativeEndian.Uint64(e[admOffReader:]), Link: uint32(key), Generation: uint32(key >> 32),
				Start: binary.NativeEndian.Uint64(e[admOffStart:]),
			})
		}
	}
	return p, h, nil
}

// readRing checks the words of the ring as a reader would. The arenas were read before, so a word may name a newer
// arena.
func (p *PublisherState) readRing(f *shm.File) error {
	entries := make([]byte, ring.Bytes(p.Depth))
	if err := readFull(f, entries, pubOffRing); err != nil {
		return p.corrupt("the ring cannot be read: %v", err)
	}
	for i := range p.Depth {
		word := binary.NativeEndian.Uint64(entries[i*ring.EntrySize+ring.OffWord:])
		slot := uint32(word & ring.SlotMask)
		if word == 0 || slot == ring.Withdrawn {
			continue
		}
		if at := int(word>>ring.SlotBits) & (p.Depth - 1); at != i {
			return p.corrupt("ring entry %d holds a sequence of entry %d", i, at)
		}
		if slot >= ring.InEntry {
			if n := slot - ring.InEntry; n > ring.SmallPayload {
				return p.corrupt("ring entry %d has %d bytes in it", i, n)
			}
			continue
		}
		if err := p.useArena(slotID(slot), "ring entry", i); err != nil {
			return err
		}
	}
	return nil
}

// readKeys checks the words of the key table as a reader would.
func (p *PublisherState) readKeys(f *shm.File) error {
	words := make([]byte, 8*p.MaxKeys)
	if err := readFull(f, words, int64(keyTableOffset(p.Depth))); err != nil {
		return p.corrupt("the key table cannot be read: %v", err)
	}
	for i := range p.MaxKeys {
		word := binary.NativeEndian.Uint64(words[8*i:])
		if word == 0 {
			continue
		}
		p.Keys++
		slot := uint32(word & ring.SlotMask)
		if slot >= ring.InEntry {
			return p.corrupt("word %d of the key table names no slot", i)
		}
		if err := p.useArena(slotID(slot), "word of the key table", i); err != nil {
			return err
		}
	}
	return nil
}

// useArena notes the arena of a slot that is in the ring or in the key table.
func (p *PublisherState) useArena(id slotID, where string, i int) error {
	k := id.arena()
	if k < len(p.arenas) && id.index() >= int(p.arenas[k].slots) {
		return p.corrupt("%s %d names slot %d of arena %d, which has %d", where, i, id.index(), k, p.arenas[k].slots)
	}
	if k < MaxArenas {
		p.inRing[k] = true
	}
	return nil
}

// IdleBytes returns the size in bytes of the arenas without a slot that the ring or one of the marks names.
func (p *PublisherState) IdleBytes(marks []uint32) (n int64) {
	marked := p.inRing
	for _, m := range marks {
		if k := slotID(m - 1).arena(); m != 0 && k < MaxArenas {
			marked[k] = true
		}
	}
	for k, a := range p.arenas {
		if !marked[k] {
			n += (slotHeaderSize + a.slotSize) * int64(a.slots)
		}
	}
	return n
}

// readArenas reads the arena table with the checks of a reader.
func (p *PublisherState) readArenas(f *shm.File, header []byte) error {
	file, err := f.Size()
	if err != nil {
		return err
	}
	if int64(ringEnd(p.Depth, p.MaxKeys)) > file {
		return p.corrupt("it ends after %d bytes, inside the ring", file)
	}
	table, limit := header[pubOffArenas:pubOffAdmissions], uint64(p.MaxPayload)
	largest := limit + limit/8 + largeSlot
	for k := range MaxArenas {
		e := table[k*arenaEntrySize:]
		off, slotSize := binary.NativeEndian.Uint64(e[arenaOffOffset:]), binary.NativeEndian.Uint64(e[arenaOffSlotSize:])
		slots := binary.NativeEndian.Uint32(e[arenaOffSlots:])
		if off == 0 || slotSize == 0 || slots == 0 {
			break // not made yet: the number of slots is written last
		}
		if off > 1<<50 || slotSize%slotAlign != 0 || slotSize > largest || slots > maxSlots ||
			int64(off)+(slotHeaderSize+int64(slotSize))*int64(slots) > file {
			return p.corrupt("arena %d at %d: %d slots of %d bytes in a file of %d", k, off, slots, slotSize, file)
		}
		p.arenas = append(p.arenas, arenaState{int64(off), int64(slotSize), slots})
	}
	return nil
}

// A HeldSlot is a slot that a reader's mark keeps from being reused.
type HeldSlot struct {
	Sequence  uint64
	Published int64 // stamp, ns of CLOCK_MONOTONIC
	Size      int64 // bytes that the slot takes
}

// Held reads the slot that a mark names. It returns false if there is none.
func (p *PublisherState) Held(mark uint32) (HeldSlot, bool) {
	id := slotID(mark - 1)
	if mark == 0 || id.arena() >= len(p.arenas) {
		return HeldSlot{}, false
	}
	a := p.arenas[id.arena()]
	if id.index() >= int(a.slots) {
		return HeldSlot{}, false
	}
	f, err := shm.Open(p.Path)
	if err != nil {
		return HeldSlot{}, false
	}
	defer f.Close()
	var h [slotHeaderSize]byte
	if readFull(f, h[:], a.off+int64(id.index())*(slotHeaderSize+a.slotSize)) != nil {
		return HeldSlot{}, false
	}
	return HeldSlot{
		Sequence:  binary.NativeEndian.Uint64(h[slotOffSequence:]),
		Published: int64(binary.NativeEndian.Uint64(h[slotOffPublished:])),
		Size:      slotHeaderSize + a.slotSize,
	}, true
}

func readFull(f *shm.File, b []byte, off int64) error {
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
