package shmtransport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

func (h *heapRing) publishKey(key, payload string) {
	h.t.Helper()
	if _, err := h.w.PublishKey(h.t.Context(), key, []byte(payload)); err != nil {
		h.t.Fatal(err)
	}
}

// passiveReader links a subscription that the publisher does not know of.
func (h *heapRing) passiveReader(history uint32) *Reader {
	h.t.Helper()
	l, err := openLink(h.store, h.w.ID())
	if err != nil {
		h.t.Fatal(err)
	}
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	l.attach(mem.Alloc(linkPageSize), r.opts.MaxHeld)
	l.passive, l.history = true, history
	l.begin(l.startWithoutAdmission())
	r.addLink(l)
	return r
}

// checkSlots fails if a slot is lost, or is in two places.
func (h *heapRing) checkSlots() {
	h.t.Helper()
	where := make([]string, h.w.pool.total)
	put := func(id slotID, place string) {
		n, _ := h.w.pool.number(id)
		if where[n] != "" {
			h.t.Fatalf("slot %d is %s and %s", n, where[n], place)
		}
		where[n] = place
	}
	for k, a := range h.w.pool.arenas {
		for _, id := range a.free {
			put(id, "free")
		}
		if a.punched {
			for i := range a.slots {
				put(slotID(k<<ring.SlotIndexBits|i), "in a hole")
			}
		}
	}
	for _, id := range h.w.pool.retired {
		put(id, "retired")
	}
	for _, id := range h.w.inRing {
		if id != noSlot {
			put(id, "in the ring")
		}
	}
	pinned := 0
	for _, entry := range h.w.keys.index {
		s := h.w.keys.newest[entry]
		if h.w.inRing[h.w.ring.Index(s.sequence)] != s.slot {
			put(s.slot, "in the key table")
		}
		if !h.w.pool.isPinned(s.slot) {
			h.t.Fatalf("the slot of sample %d, the newest of its key, is not pinned", s.sequence)
		}
		pinned++
	}
	for n, place := range where {
		if place == "" {
			h.t.Fatalf("slot %d of %d is nowhere", n, len(where))
		}
		if h.w.pool.pinned[n] {
			pinned--
		}
	}
	if pinned != 0 {
		h.t.Fatalf("%d slots too few are pinned", pinned)
	}
}

func TestKeys_LateReaderGetsNewestOfEach(t *testing.T) {
	updates := 2_000_000
	if testing.Short() {
		updates = 2_000
	}
	h := newEntryRing(t, WriterOptions{Depth: 4, MaxKeys: 8})
	for _, key := range []string{"a", "b", "c", "a"} {
		h.publishKey(key, fmt.Sprint(key, h.w.seq+1))
	}
	for range updates {
		h.publishKey("busy", "update")
	}
	h.publishKey("busy", "last")
	h.checkSlots()
	for name, r := range map[string]*Reader{
		"admitted": h.reader(LinkRequest{}, ReaderOptions{}), "lossless": h.reader(LinkRequest{Lossless: true}, ReaderOptions{}),
		"passive": h.passiveReader(0),
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range []string{"b2", "c3", "a4", "last"} {
				expect(t, r, want, 0)
			}
			expectNothing(t, r)
		})
	}
	r := h.reader(LinkRequest{History: 2}, ReaderOptions{})
	for _, want := range []string{"b2", "c3", "a4", "update", "last"} {
		expect(t, r, want, 0)
	}
	h.publishKey("a", "another")
	expect(t, r, "another", 0)
	expectNothing(t, r)
	h.w.Close()
	end := NewReader(new(ReaderSet), nil, ReaderOptions{})
	l, err := openLink(h.store, h.w.ID())
	if err != nil {
		t.Fatal(err)
	}
	l.attach(mem.Alloc(linkPageSize), 8)
	end.addLink(l)
	for _, want := range []string{"b2", "c3", "last", "another"} { // without admission
		expect(t, end, want, 0)
	}
}

func TestKeys_NewestOfEachAfterLoss(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4, MaxKeys: 8})
	readers := map[string]*Reader{"admitted": h.reader(LinkRequest{}, ReaderOptions{}), "passive": h.passiveReader(0)}
	h.publishKey("x", "x1")
	h.publishKey("y", "y2")
	h.publishKey("x", "x3")
	h.publishKey("z", "z4")
	for i := range 10 {
		h.publishKey("busy", fmt.Sprint(5+i))
	}
	for name, r := range readers {
		t.Run(name, func(t *testing.T) {
			expect(t, r, "y2", 1)
			expect(t, r, "x3", 0)
			expect(t, r, "z4", 0)
			expect(t, r, "11", 6)
			for _, want := range []string{"12", "13", "14"} {
				expect(t, r, want, 0)
			}
			expectNothing(t, r)
			if f := r.Stats(); f.Messages != 7 || f.Lost != 7 {
				t.Errorf("%d received, %d lost of 14", f.Messages, f.Lost)
			}
		})
	}
}

// What a reader lost and did not take counts as lost when it closes.
func TestKeys_ClosedInTheMiddle(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 8})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range 10 {
		h.publishKey(fmt.Sprint("key", i%5), "")
	}
	expect(t, r, "", 5)
	r.Close()
	if f := r.Stats(); f.Messages != 1 || f.Lost != 7 {
		t.Errorf("%d received, %d lost, and 2 in the ring, of 10", f.Messages, f.Lost)
	}
}

func TestKeys_ReplacedDuringScan(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4, MaxKeys: 8})
	for _, key := range []string{"a", "b", "c", "d"} {
		h.publishKey(key, key)
	}
	r := h.reader(LinkRequest{}, ReaderOptions{})
	expect(t, r, "a", 0)
	h.publishKey("b", "new b")
	h.w.Dispose("c")
	expect(t, r, "d", 0)
	expect(t, r, "new b", 0)
	expectNothing(t, r)
}

func TestKeys_LatestPassesOverOthers(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 8})
	late := func() *Reader { return h.reader(LinkRequest{}, ReaderOptions{}) }
	early := late()
	for i := range 6 {
		h.publishKey(fmt.Sprint("key", i%3), fmt.Sprint(i))
	}
	expect(t, early, "3", 3) // the first of those that it lost
	for _, r := range []*Reader{late(), early} {
		var s Sample
		if ok, err := r.Latest(&s); !ok || err != nil || string(s.Payload()) != "5" || s.Lost() != 0 {
			t.Fatalf("latest is %q after %d lost, %v, %v", s.Payload(), s.Lost(), ok, err)
		}
		s.Release()
		expectNothing(t, r)
	}
	if f := early.Stats(); f.Lost != 3 || f.Messages != 2 {
		t.Errorf("%d lost, %d received", f.Lost, f.Messages)
	}
}

func TestKeys_Batch(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4, MaxKeys: 8})
	for i := range 7 {
		h.publishKey(fmt.Sprint("key", i), fmt.Sprint(i))
	}
	if n, err := h.w.PublishBatch(t.Context(), [][]byte{[]byte("7"), []byte("8")}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	h.checkSlots()
	r := h.reader(LinkRequest{History: 3}, ReaderOptions{})
	buf := make([]Sample, 16)
	n, err := r.ReceiveBatch(t.Context(), buf)
	got := ""
	for _, s := range buf[:n] {
		got += string(s.Payload())
		s.Release()
	}
	if got != "012345678" || err != nil {
		t.Fatalf("got %s, %v", got, err)
	}
}

func TestKeys_Limit(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 2})
	h.publishKey("a", "1")
	h.publishKey("b", "2")
	var limit *errdefs.LimitError
	if _, err := h.w.PublishKey(t.Context(), "c", []byte("3")); !errors.As(err, &limit) || !strings.Contains(err.Error(), "MaxKeys") {
		t.Fatal(err)
	}
	loan, err := h.w.Loan(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loan.CommitKey(t.Context(), "c", 1); !errors.As(err, &limit) || loan.Active() {
		t.Fatal(err)
	}
	if f := h.w.Stats(); f.Messages != 2 || f.Failed != 2 || f.Loans != 0 {
		t.Errorf("%d published, %d failed, %d loans", f.Messages, f.Failed, f.Loans)
	}
	h.checkSlots()
	h.publishKey("a", "4")
	if !h.w.Dispose("b") || h.w.Dispose("b") || h.w.Dispose("c") {
		t.Fatal("not the key that there was")
	}
	h.publishKey("c", "5")
	h.publishKey("c", "6")
	h.checkSlots()
	r := h.reader(LinkRequest{}, ReaderOptions{})
	expect(t, r, "4", 0)
	expect(t, r, "6", 0)
	expectNothing(t, r)
	h.w.Close()
	if h.w.Dispose("c") {
		t.Error("a closed publisher disposed of a key")
	}
}

// At the memory limit older samples make room, and never the newest of a key.
func TestKeys_MemoryLimit(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 8, MaxKeys: 64, MemoryLimit: 12 * 1024})
	large := strings.Repeat("x", 1024-slotHeaderSize-1)
	n := 0
	var space *NoSlotError
	publish := func(key, payload string) bool {
		_, err := h.w.PublishKey(t.Context(), key, []byte(payload))
		if err != nil && !errors.As(err, &space) {
			t.Fatal(err)
		}
		h.checkSlots()
		return err == nil
	}
	for publish(fmt.Sprint("key", n), large) {
		n++
	}
	if publish("key0", large) {
		t.Error("there was room for a newer sample before the older one left")
	}
	if space.Keys != n || !strings.Contains(space.Error(), "dispose of keys") {
		t.Errorf("%d keys, and %+v", n, space)
	}
	if n != 12 {
		t.Errorf("room for %d keys in 12 slots", n)
	}
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for range n {
		expect(t, r, large, 0)
	}
	expectNothing(t, r)
	if !h.w.Dispose("key1") {
		t.Fatal("no key1")
	}
	// Memory of smaller slots is given back for larger ones, but not of those.
	if publish("key2", large+large) {
		t.Error("there was room for a large sample")
	}
	for range 10 {
		if !publish("key0", large) {
			t.Error("no room for a newer sample")
		}
	}
	for i := range n {
		h.w.Dispose(fmt.Sprint("key", i))
	}
	if !publish("key2", large+large) {
		t.Error("the memory of keys that were disposed of is not used")
	}
}

func TestKeys_OldSampleBeyondTheBitsOfAWord(t *testing.T) {
	for _, passive := range []bool{false, true} {
		h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 8})
		h.publishKey("old", "old")
		h.publishKey("fill", "2")
		h.publishKey("fill", "3")
		h.w.seq += 1<<42 - 1<<20
		h.publishKey("middle", "middle")
		h.w.seq += 1 << 41
		for i := range 3 {
			h.publishKey("new", fmt.Sprint(i))
		}
		r := h.passiveReader(0)
		if !passive {
			r = h.reader(LinkRequest{}, ReaderOptions{})
		}
		got := map[string]uint64{}
		for range 4 {
			s, ok, err := tryReceive(r)
			if !ok || err != nil || s.Lost() != 0 {
				t.Fatal(ok, err, s.Lost(), got)
			}
			got[string(s.Payload())] = s.Sequence()
			s.Release()
		}
		expectNothing(t, r)
		if got["old"] != 1 || got["3"] != 3 || got["middle"] != 4+1<<42-1<<20 || got["2"] != h.w.seq {
			t.Errorf("got %v", got)
		}
	}
}

func TestKeys_HostileTable(t *testing.T) {
	for name, c := range map[string]struct {
		word    func(word uint64) uint64
		corrupt bool
	}{
		"no slot":          {func(w uint64) uint64 { return w | ring.Withdrawn }, true},
		"in an entry":      {func(w uint64) uint64 { return w&^ring.SlotMask | ring.InEntry | 5 }, true},
		"another sequence": {func(w uint64) uint64 { return w + 1<<ring.SlotBits }, false},
		"far sequence":     {func(w uint64) uint64 { return w + 1<<63 }, false},
		"no such arena":    {func(w uint64) uint64 { return w&^ring.SlotMask | 126<<ring.SlotIndexBits }, false},
		"no such slot":     {func(w uint64) uint64 { return w | (maxSlots - 1) }, false},
	} {
		for _, lost := range []bool{false, true} {
			for _, passive := range []bool{false, true} {
				t.Run(fmt.Sprint(name, lost, passive), func(t *testing.T) {
					h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 8})
					h.publishKey("other", "other")
					var failed error
					connect := func() *Reader {
						r := h.passiveReader(0)
						if !passive {
							r = h.reader(LinkRequest{}, ReaderOptions{})
						}
						r.opts.Failed = func(_ PublisherID, err error) { failed = err }
						return r
					}
					r := connect()
					expectOther := func() { expect(t, r, "other", 0) }
					expectOther()
					h.publishKey("a", "a")
					for i := range 4 {
						h.publishKey("b", fmt.Sprint(i))
					}
					entry := h.w.keys.index["a"]
					h.w.keys.words[entry].Store(c.word(h.w.keys.words[entry].Load()))
					if !lost {
						r = connect()
						if !c.corrupt {
							expectOther()
						}
					}
					for range 10 {
						s, ok, err := tryReceive(r)
						if err != nil || ok && string(s.Payload()) == "a" {
							t.Fatalf("got %q, %v", s.Payload(), err)
						}
						s.Release()
					}
					if found := errors.As(failed, new(*errdefs.CorruptError)); found != c.corrupt && !(lost && found) {
						t.Errorf("failed with %v", failed)
					}
				})
			}
		}
	}
}

func TestKeys_HostileHeader(t *testing.T) {
	for _, keys := range []uint32{MaxKeys + 1, 1<<32 - 1, MaxKeys} {
		h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 8})
		mem.Uint32(h.store.chunks[0].b, pubOffKeys).Store(keys)
		if _, err := openLink(h.store, h.w.ID()); !errors.As(err, new(*errdefs.CorruptError)) {
			t.Errorf("%d keys in a short file: %v", keys, err)
		}
	}
}

func TestKeys_Inspect(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 2, MaxKeys: 8})
	for i := range 100 {
		if _, err := w.PublishKey(t.Context(), fmt.Sprint("key", i%5), make([]byte, 100+i)); err != nil {
			t.Fatal(err)
		}
	}
	state, err := InspectPublisher(w.path, w.ID())
	if err != nil || state.Keys != 5 || state.MaxKeys != 8 {
		t.Fatalf("%+v, %v", state, err)
	}
	f, err := os.OpenFile(w.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{0xff, 0xff, 0xff, 0xff}, int64(keyTableOffset(2))); err != nil {
		t.Fatal(err)
	}
	if _, err := InspectPublisher(w.path, w.ID()); !errors.As(err, new(*errdefs.CorruptError)) {
		t.Error(err)
	}
}

func TestKeys_NoAllocation(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4, MaxKeys: 64})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	keys := make([]string, 20)
	for i := range keys {
		keys[i] = fmt.Sprint("key", i)
		h.publishKey(keys[i], "first")
	}
	payload := []byte("payload")
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		for range 30 { // the reader loses samples
			i++
			if _, err := h.w.PublishKey(t.Context(), keys[i%20], payload); err != nil {
				t.Fatal(err)
			}
		}
		drain(t, r)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// keyModel is what readers of a publisher must find.
type keyModel struct {
	newest map[string]uint64 // sequence of the newest sample of each key
	key    map[uint64]string // of each sample
}

// A keyCheck is a reader and what it has received.
type keyCheck struct {
	r              *Reader
	seen           map[string]uint64
	start, last    uint64
	received, lost uint64 // from start on
	begun          bool
}

func (c *keyCheck) take(t *testing.T, m *keyModel) (Sample, bool) {
	t.Helper()
	s, ok, err := tryReceive(c.r)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return s, false
	}
	seq := s.Sequence()
	if seq <= c.last {
		t.Fatalf("sample %d after %d", seq, c.last)
	}
	if want := fmt.Sprint(seq, " ", m.key[seq]); !strings.HasPrefix(string(s.Payload()), want) {
		t.Fatalf("sample %d is %q, not %q", seq, s.Payload(), want)
	}
	if seq < c.start {
		if s.Lost() != 0 {
			t.Fatalf("%d lost before the start", s.Lost())
		}
	} else {
		if expected := max(c.last, c.start-1) + 1 + s.Lost(); seq != expected {
			t.Fatalf("sample %d after %d with %d lost", seq, c.last, s.Lost())
		}
		c.received++
		c.lost += s.Lost()
	}
	c.last = seq
	c.seen[m.key[seq]] = seq
	return s, true
}

// Readers of every sort that join and receive at any time have the newest sample of every key when they have taken everything.
func TestKeys_RandomAgainstModel(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 40
	}
	for round := range rounds {
		random := rand.New(rand.NewPCG(uint64(round), 1))
		depth := 1 << random.IntN(6)
		h := newEntryRing(t, WriterOptions{Depth: depth, MaxKeys: 12, MemoryLimit: int64(40+random.IntN(200)) << 10})
		m := &keyModel{map[string]uint64{}, map[uint64]string{}}
		var readers []*keyCheck
		var held []Sample
		for range 300 + random.IntN(300) {
			switch random.IntN(40) {
			case 0:
				q := LinkRequest{History: uint32(random.IntN(2) * random.IntN(depth+1))}
				c := &keyCheck{seen: map[string]uint64{}}
				if random.IntN(2) == 0 {
					c.r = h.passiveReader(q.History)
				} else {
					c.r = h.reader(q, ReaderOptions{})
				}
				c.start = startFor(max(uint64(q.History), 1), h.w.seq, depth)
				readers = append(readers, c)
			case 1, 2, 3, 4, 5, 6:
				if len(readers) == 0 {
					continue
				}
				c := readers[random.IntN(len(readers))]
				for range random.IntN(20) {
					s, ok := c.take(t, m)
					if !ok {
						break
					}
					held = append(held, s)
				}
			case 7, 8, 9:
				for len(held) > random.IntN(6) {
					i := random.IntN(len(held))
					held[i].Release()
					held = append(held[:i], held[i+1:]...)
				}
			case 10:
				key := fmt.Sprint("key", random.IntN(12))
				_, there := m.newest[key]
				if h.w.Dispose(key) != there {
					t.Fatalf("%s: not %v", key, there)
				}
				delete(m.newest, key)
				for _, c := range readers {
					delete(c.seen, key)
				}
			default:
				key := fmt.Sprint("key", int(random.ExpFloat64()*3)%12)
				payload := fmt.Sprint(h.w.seq+1, " ", key, strings.Repeat(".", random.IntN(3)*random.IntN(2000)))
				_, err := h.w.PublishKey(t.Context(), key, []byte(payload))
				var space *NoSlotError
				if errors.As(err, &space) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				m.newest[key] = h.w.seq
				m.key[h.w.seq] = key
			}
			h.checkSlots()
		}
		if random.IntN(2) == 0 {
			h.w.Close()
			for _, c := range readers {
				c.r.Prune()
			}
		}
		for _, s := range held {
			s.Release()
		}
		for _, c := range readers {
			for {
				s, ok := c.take(t, m)
				if !ok {
					break
				}
				s.Release()
			}
			for key, seq := range m.newest {
				if c.seen[key] != seq {
					t.Fatalf("round %d: a reader from %d has sample %d of %s, not %d", round, c.start, c.seen[key], key, seq)
				}
			}
			lost := c.r.Stats().Lost
			for _, l := range *c.r.links.Load() {
				lost += l.lost // after the last sample received
			}
			if published := h.w.seq + 1 - max(c.start, 1); c.received+lost != published || lost < c.lost {
				t.Fatalf("round %d: %d received and %d lost of %d from %d", round, c.received, lost, published, c.start)
			}
		}
	}
}
