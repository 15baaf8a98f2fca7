package shmtransport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

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
	r.addLink(l, func() {})
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
	const updates = 2_000_000 / slowdown
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
	end.addLink(l, func() {})
	for _, want := range []string{"b2", "c3", "last", "another"} { // without admission
		expect(t, end, want, 0)
	}
}

func TestKeys_NewestOfEachAfterLoss(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4, MaxKeys: 8})
	readers := map[string]*Reader{
		"admitted": h.reader(LinkRequest{}, ReaderOptions{}), "passive": h.passiveReader(0),
		"limited": h.reader(LinkRequest{}, ReaderOptions{MaxAge: time.Hour}),
	}
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
	if f := h.w.Stats(); f.Messages != 2 || f.Failed != 2 || f.Loans != 0 || f.Keys != 2 {
		t.Errorf("%d published, %d failed, %d loans, %d keys", f.Messages, f.Failed, f.Loans, f.Keys)
	}
	h.checkSlots()
	h.publishKey("a", "4")
	if !h.w.Dispose("b") || h.w.Dispose("b") || h.w.Dispose("c") {
		t.Fatal("not the key that there was")
	}
	if f := h.w.Stats(); f.Keys != 1 {
		t.Errorf("%d keys", f.Keys)
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

// Stale samples of any number of keys do not hide a sample that is not stale.
func TestKeys_StaleBeforeOthers(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 4 * maxSkipped})
	for i := range 3 * maxSkipped {
		h.publishKey(fmt.Sprint("key", i), strings.Repeat("x", 2*maxCopiedBytes/(3*maxSkipped)))
	}
	old := h.old()
	for _, s := range h.w.keys.newest[:3*maxSkipped] {
		binary.NativeEndian.PutUint64(h.w.slot(s.slot)[slotOffPublished:], uint64(old))
	}
	h.publishKey("fresh", "fresh")
	opts := ReaderOptions{MaxAge: time.Minute}
	live, ended := h.reader(LinkRequest{}, opts), h.reader(LinkRequest{}, opts)
	expect(t, live, "fresh", 0)
	h.w.Close()
	ended.Prune()
	expect(t, ended, "fresh", 0)
}
