package shmtransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// scribbles turns fuzz input into writes to shared memory: 4 bytes of offset, 8 of value, 1 that selects the kind of
// write and the pauses.
type scribbles []byte

// some makes writes to b until the input has a pause, and reports whether there is more.
func (s *scribbles) some(b []byte) bool {
	for len(*s) >= 13 {
		rec := (*s)[:13]
		*s = (*s)[13:]
		off := int(binary.LittleEndian.Uint32(rec) % uint32(len(b)))
		value := binary.LittleEndian.Uint64(rec[4:])
		switch rec[12] & 3 {
		case 0:
			b[off] = byte(value)
		case 1:
			mem.Uint32(b, off&^3).Store(uint32(value))
		case 2:
			mem.Uint64(b, off&^7).Store(value)
		case 3:
			mem.Uint64(b, off&^7).Add(value) // a little more or less than the valid value
		}
		if rec[12]&4 != 0 {
			break
		}
	}
	return len(*s) >= 13
}

func scribble(recs ...[3]uint64) []byte {
	var b []byte
	for _, r := range recs {
		b = binary.LittleEndian.AppendUint32(b, uint32(r[0]))
		b = binary.LittleEndian.AppendUint64(b, r[1])
		b = append(b, byte(r[2]))
	}
	return b
}

const (
	put32 = 1
	put64 = 2
	add64 = 3
	yield = 4 // let the other side run
)

// hostileView is one stretch of memory that another process may have written.
type hostileView []byte

func (v hostileView) window(off int64, n int) ([]byte, error) {
	if off < 0 || n < 0 || off > int64(len(v)) || int64(n) > int64(len(v))-off {
		return nil, errors.New("outside the file")
	}
	return v[off:][:n:n], nil
}

func (v hostileView) readAt(p []byte, off int64) error {
	b, err := v.window(off, len(p))
	copy(p, b)
	return err
}
func (v hostileView) bell() *atomic.Uint32   { return new(atomic.Uint32) }
func (v hostileView) backed() (int64, error) { return int64(len(v)), nil }
func (v hostileView) name() string           { return "hostile" }
func (v hostileView) isFault(any) bool       { return false }
func (v hostileView) close() error           { return nil }

// readHostile takes samples in every way. Nothing may panic, and every call must return.
func readHostile(t *testing.T, v view, id PublisherID, history uint32, passive, limited bool, meanwhile func() bool) {
	page := mem.Alloc(linkPageSize)
	l, err := openLink(v, id)
	if err != nil {
		return
	}
	l.attach(page, 8)
	l.readerID, l.key, l.history = 9, linkKey(0, 1), history
	if l.passive = passive; passive {
		l.begin(l.startWithoutAdmission())
	}
	opts := ReaderOptions{MaxHeld: 8, Spin: -1}
	if limited {
		opts.MaxAge, opts.MinSeparation, opts.TrackPublished = time.Hour, time.Nanosecond, true
	}
	r := NewReader(new(ReaderSet), nil, opts)
	defer r.Close()
	r.addLink(l, func() {})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	var held []Sample
	for i := range 64 {
		more := meanwhile()
		var buf [3]Sample
		n, ok, err := 1, true, error(nil)
		switch i % 8 {
		case 3:
			ok, err = r.Latest(&buf[0])
		case 5:
			n, err = r.ReceiveBatch(cancelled, buf[:])
			ok = err == nil
		case 7:
			buf[0], err = r.Receive(cancelled)
			ok = err == nil
		default:
			buf[0], ok, err = tryReceive(r)
		}
		if ok {
			for _, s := range buf[:n] {
				sum := byte(0)
				for _, c := range s.Payload() {
					sum += c
				}
				held = append(held, s)
			}
		}
		r.LastPublished(math.MaxInt64)
		if n := r.Stats().Held; n != uint64(len(held)) {
			t.Fatalf("%d samples are held, not %d", n, len(held))
		}
		var limit *errdefs.LimitError
		if len(held) > 5 || errors.As(err, &limit) {
			for _, s := range held {
				s.Release()
			}
			held = held[:0]
		}
		if !more && !ok && i > 16 {
			break
		}
	}
	r.Connected()
	r.CheckPassive()
}

// FuzzOpenLink reads any content in place of a publisher's file.
func FuzzOpenLink(f *testing.F) {
	id := PublisherID{Participant: 7, Number: 1}
	valid := func(depth int) []byte {
		s := new(heapStore)
		opts, _ := WriterOptions{Depth: depth}.withDefaults()
		if _, err := newWriter(s, id, opts); err != nil {
			f.Fatal(err)
		}
		return s.chunks[0].b[:pubOffRing+ring.Bytes(depth)]
	}
	f.Add([]byte{}, []byte{})
	f.Add(valid(1), []byte{})
	f.Add(valid(16), scribble([3]uint64{pubOffState, 1, put32}))
	f.Add(valid(16), scribble([3]uint64{pubOffDepth, 1 << 31, put32}))
	f.Add(valid(16), scribble([3]uint64{pubOffDepth, 1 << 16, put32}))
	f.Add(valid(16), scribble([3]uint64{pubOffMaxPayload, 1 << 63, put64}))
	f.Fuzz(func(t *testing.T, header, writes []byte) {
		v := hostileView(mem.Alloc(min(len(header), 1<<20)/8*8 + 8))
		copy(v, header)
		if len(v) > pubOffRing { // most inputs should get past the first checks
			mem.Uint64(v, pubOffMagic).Store(publisherMagic)
			mem.Uint32(v, pubOffVersion).Store(LayoutVersion)
			mem.Uint64(v, pubOffOwner).Store(id.Participant)
			mem.Uint32(v, pubOffNumber).Store(id.Number)
		}
		s := scribbles(writes)
		readHostile(t, v, id, historyAll, len(writes)%2 == 1, len(writes)/2%2 == 1, func() bool { return s.some(v) })
	})
}

// FuzzTake lets a publisher that was honest for a while write anything to its own memory.
func FuzzTake(f *testing.F) {
	const admission = pubOffAdmissions
	f.Add(uint8(4), scribble())
	f.Add(uint8(2), scribble([3]uint64{admission + admOffStart, 1<<64 - 1, put64}))
	f.Add(uint8(4), scribble([3]uint64{admission + admOffStart, 0, put64}))
	f.Add(uint8(3), scribble([3]uint64{pubOffRing, 1 << 63, put64 | yield}, [3]uint64{pubOffRing + ring.EntrySize, 1<<22 + 5<<14, add64 | yield}))
	f.Add(uint8(3), scribble([3]uint64{pubOffHead, 1 << 50, add64 | yield}, [3]uint64{pubOffRing + ring.EntrySize, 8 << 22, add64}))
	f.Add(uint8(3), scribble([3]uint64{pubOffArenas + arenaOffSlotSize, 1 << 40, put64}, [3]uint64{pubOffArenas + arenaOffSlots, 1<<14 - 1, put32}))
	f.Add(uint8(3), scribble([3]uint64{pubOffArenas + arenaOffOffset, 1<<63 - 4096, put64}))
	f.Add(uint8(0), scribble([3]uint64{pubOffState, 1, put32 | yield}, [3]uint64{pubOffState, 0, put32 | yield}, [3]uint64{pubOffFull, 1, put32}))
	f.Add(uint8(8+3), scribble([3]uint64{pubOffRing + ring.OffGuard, 1, add64 | yield}, [3]uint64{pubOffRing + ring.EntrySize, 50, add64 | yield}))
	f.Add(uint8(8+2), scribble([3]uint64{pubOffRing + ring.EntrySize*2, ring.InEntry + ring.SmallPayload + 1 + 10<<ring.SlotBits, put64 | yield}))
	f.Add(uint8(16+8+3), scribble([3]uint64{pubOffHead, 1, add64 | yield}, [3]uint64{pubOffRing + 2*ring.EntrySize, 1<<ring.SlotBits - 1, put64 | yield}))
	f.Add(uint8(32+3), scribble([3]uint64{pubOffArenas + arenaOffOffset, 1<<63 - 4096, put64}))
	f.Add(uint8(32+16+8+2), scribble([3]uint64{pubOffArenas + arenaOffSlotSize, 1 << 40, put64}, [3]uint64{pubOffArenas + arenaOffSlots, 1<<14 - 1, put32}))
	f.Add(uint8(32+2), scribble([3]uint64{pubOffRing + ring.EntrySize, MaxArenas << ring.SlotIndexBits, add64}))
	arena := uint64(roundToPage(int64(pubOffRing + ring.Bytes(4))))
	f.Add(uint8(2), scribble([3]uint64{arena + slotOffLength, 1 << 62, put64}, [3]uint64{arena + slotOffSequence, 3, put64}))
	f.Add(uint8(32+2), scribble([3]uint64{arena + slotOffLength, 1 << 62, put64}, [3]uint64{arena + slotOffSequence, 3, put64}))
	f.Add(uint8(2), scribble([3]uint64{pubOffRing + ring.EntrySize, MaxArenas << ring.SlotIndexBits, add64}))
	table := uint64(keyTableOffset(4))
	f.Add(uint8(64+2), scribble([3]uint64{table, 1 << ring.SlotBits, add64 | yield}, [3]uint64{table + 8, ring.Withdrawn, put64 | yield}))
	f.Add(uint8(64+32+2), scribble([3]uint64{table + 24, MaxArenas << ring.SlotIndexBits, add64 | yield}, [3]uint64{pubOffKeys, 1 << 16, put32}))
	f.Add(uint8(64+1), scribble([3]uint64{pubOffRing, 64 << ring.SlotBits, add64 | yield}, [3]uint64{table, 1, add64 | yield}, [3]uint64{pubOffKeys, 1<<32 - 1, put32}))
	f.Fuzz(func(t *testing.T, depth uint8, writes []byte) {
		newRing := newHeapRing
		if depth&8 != 0 {
			newRing = newEntryRing
		}
		h := newRing(t, WriterOptions{Depth: 1 << (depth % 8), InitialSampleSize: SmallPayload + 1, MaxKeys: int(depth / 64 * 8)})
		page := mem.Alloc(linkPageSize)
		mem.Uint64(page, pageOffPublisher).Store(h.w.ID().Participant)
		mem.Uint32(page, pageOffNumber).Store(h.w.ID().Number)
		mem.Uint32(page, pageOffGen).Store(1)
		mem.Uint32(page, pageOffState).Store(pageCurrent)
		for i := range 10 {
			h.publishKey(fmt.Sprint(i%4), "honest")
			if depth&16 != 0 && i%3 == 1 {
				h.publish(strings.Repeat("honest", 40))
			}
		}
		req := LinkRequest{Reader: 9, Generation: 1, Publisher: h.w.ID(), History: 5}
		if err := h.w.Admit(req, page, func() {}, false); err != nil {
			t.Fatal(err)
		}
		// One stretch of all the publisher's memory, as its file would be.
		v := hostileView(mem.Alloc(int(h.store.size)))
		for _, p := range h.store.chunks {
			copy(v[p.off:], p.b)
		}
		s := scribbles(writes)
		readHostile(t, v, h.w.ID(), 5, depth&32 != 0, depth&64 != 0, func() bool { return s.some(v) })
	})
}

// FuzzPeerPage lets a reader write anything to its own page while the publisher and another reader go on. The worst
// effect is that the publisher keeps memory or, if the reader was admitted as lossless, waits.
func FuzzPeerPage(f *testing.F) {
	f.Add(false, scribble())
	f.Add(false, scribble([3]uint64{pageOffMarksUsed, 1<<32 - 1, put32}, [3]uint64{pageOffMarks, 1, put32}, [3]uint64{pageOffMarks + 4, 1<<32 - 1, put32 | yield}))
	f.Add(true, scribble([3]uint64{pageOffCursor, 1<<64 - 1, put64 | yield}, [3]uint64{pageOffCursor, 1, put64 | yield}, [3]uint64{pageOffCursor, 5, put64 | yield}))
	f.Add(true, scribble([3]uint64{pageOffState, 0, put32 | yield}, [3]uint64{pageOffState, 1, put32 | yield}))
	f.Add(false, scribble([3]uint64{pageOffGen, 1 << 31, put32 | yield}, [3]uint64{pageOffArmed, 77, put32 | yield}))
	var all [][3]uint64
	for i := range uint64(200) {
		all = append(all, [3]uint64{pageOffMarks + 4*i, i + 1, put32})
	}
	f.Add(false, scribble(append(all, [3]uint64{pageOffMarksUsed, 200, put32 | yield})...))
	f.Fuzz(func(t *testing.T, lossless bool, writes []byte) {
		h := newHeapRing(t, WriterOptions{Depth: 4, MemoryLimit: 20 << 10})
		honest := h.reader(LinkRequest{}, ReaderOptions{MaxHeld: 8, Spin: -1})
		hostile := h.reader(LinkRequest{Lossless: lossless, Timeout: 1}, ReaderOptions{})
		link := (*hostile.links.Load())[0]
		page := h.w.readers[1].page
		if mem.Uint32(page, pageOffArmed) != link.armed {
			t.Fatal("not the hostile reader's page")
		}
		ctx, cancel := context.WithCancel(t.Context())
		if !lossless {
			cancel() // a publish that does not wait does not check its context
		}
		defer cancel()
		s := scribbles(writes)
		var held []Sample
		last := uint64(0)
		payload := make([]byte, 600)
		for i := range 60 {
			s.some(page)
			seq := h.w.Sequence() + 1
			b := payload[:100+500*(i/7%2)]
			for k := range b {
				b[k] = byte(seq)
			}
			_, err := h.w.Publish(ctx, b)
			var space *NoSlotError
			if err != nil && !errors.As(err, &space) {
				t.Fatal(err)
			}
			got, ok, err := tryReceive(honest)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				if got.Sequence() != last+1+got.Lost() {
					t.Fatalf("sample %d after %d with %d lost", got.Sequence(), last, got.Lost())
				}
				last = got.Sequence()
				held = append(held, got)
			}
			for _, s := range held {
				for _, c := range s.Payload() {
					if c != byte(s.Sequence()) {
						t.Fatalf("held sample %d was overwritten", s.Sequence())
					}
				}
			}
			if len(held) > 5 {
				held[i%5].Release()
				held = append(held[:i%5], held[i%5+1:]...)
			}
		}
		for _, s := range held {
			s.Release()
		}
		h.w.RemoveReader(9)
		if _, err := h.w.Publish(t.Context(), payload); err != nil {
			t.Fatal("without readers:", err)
		}
		if n := h.w.Readers(); n != 0 {
			t.Fatalf("%d readers after all were removed", n)
		}
	})
}
