package shmtransport

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
)

// volatileSize is so large that the first arena has few slots.
const volatileSize = firstGrowth / 2

func volatilePayload(i int) []byte { return bytes.Repeat([]byte{byte(i)}, volatileSize) }

func publishVolatile(t *testing.T, w *Writer, i int) {
	t.Helper()
	if _, err := w.Publish(t.Context(), volatilePayload(i)); err != nil {
		t.Fatal(err)
	}
}

func takeVolatile(t *testing.T, r *Reader, want int, lost uint64) Sample {
	t.Helper()
	s, ok, err := tryReceive(r)
	if !ok || err != nil || s.Lost() != lost || !bytes.Equal(s.Payload(), volatilePayload(want)) {
		t.Fatalf("sample %d: taken %t after %d lost, want %d, %v", want, ok, s.Lost(), lost, err)
	}
	return s
}

// slotsOf returns the number of slots that a Writer has made.
func slotsOf(w *Writer) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pool.total
}

// The samples of a volatile publisher take as many slots as its readers leave it, and not one for each entry of the ring.
func TestVolatile_SlotsOfTakenSamples(t *testing.T) {
	const depth, rounds = 16, 40
	slots := func(volatile bool) int {
		h := newHeapRing(t, WriterOptions{Depth: depth, Volatile: volatile})
		one, other := h.reader(LinkRequest{}, ReaderOptions{}), h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
		for i := range rounds {
			publishVolatile(t, h.w, i)
			for _, r := range []*Reader{one, other} {
				s := takeVolatile(t, r, i, 0)
				s.Release()
			}
		}
		return slotsOf(h.w)
	}
	if got := slots(true); got > 4 {
		t.Errorf("a volatile publisher with readers that keep up has %d slots", got)
	}
	if got := slots(false); got < depth {
		t.Errorf("another publisher has %d slots, fewer than entries in its ring: this test shows nothing", got)
	}
}

// A reader that is behind loses no more than with any other publisher, and a held sample stays whole.
func TestVolatile_SlowReaderAndHeldSample(t *testing.T) {
	const depth, rounds = 16, 30
	h := newHeapRing(t, WriterOptions{Depth: depth, Volatile: true})
	fast, slow, holder := h.reader(LinkRequest{}, ReaderOptions{}), h.reader(LinkRequest{}, ReaderOptions{}), h.reader(LinkRequest{}, ReaderOptions{})
	publishVolatile(t, h.w, 0)
	held := takeVolatile(t, holder, 0, 0)
	defer held.Release()
	for i := range rounds {
		if i > 0 {
			publishVolatile(t, h.w, i)
			s := takeVolatile(t, holder, i, 0)
			s.Release()
		}
		s := takeVolatile(t, fast, i, 0)
		s.Release()
	}
	if !bytes.Equal(held.Payload(), volatilePayload(0)) {
		t.Error("the slot of a held sample was used again")
	}
	for i := rounds - depth; i < rounds; i++ {
		lost := uint64(0)
		if i == rounds-depth {
			lost = rounds - depth
		}
		s := takeVolatile(t, slow, i, lost)
		s.Release()
	}
}

// A late reader gets at most the newest sample, and does not count as lost what was taken back before it came.
func TestVolatile_LateReaders(t *testing.T) {
	for _, c := range []struct {
		request LinkRequest
		latched bool
		newest  bool
	}{
		{LinkRequest{}, false, false},
		{LinkRequest{History: 1}, false, true},
		{LinkRequest{History: 10}, false, true},
		{LinkRequest{}, true, true},
	} {
		t.Run(fmt.Sprint(c.request.History, c.latched), func(t *testing.T) {
			h := newHeapRing(t, WriterOptions{Volatile: true})
			first := h.reader(LinkRequest{}, ReaderOptions{})
			const n = 20
			for i := range n {
				publishVolatile(t, h.w, i)
				s := takeVolatile(t, first, i, 0)
				s.Release()
			}
			h.latched = c.latched
			late := h.reader(c.request, ReaderOptions{})
			if c.newest {
				s := takeVolatile(t, late, n-1, 0)
				s.Release()
			}
			expectNothing(t, late)
			publishVolatile(t, h.w, n)
			s := takeVolatile(t, late, n, 0)
			s.Release()
		})
	}
}

// Without readers a volatile publisher keeps its samples for subscriptions that are about to connect.
func TestVolatile_NothingIsTakenBackBeforeTheFirstReader(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 8, Volatile: true})
	for i := range 8 {
		publishVolatile(t, h.w, i)
	}
	r := h.reader(LinkRequest{History: historyAll}, ReaderOptions{})
	for i := range 8 {
		s := takeVolatile(t, r, i, 0)
		s.Release()
	}
}

// The newest sample of a key stays, whatever readers have taken.
func TestVolatile_KeepsTheNewestOfEachKey(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Volatile: true, MaxKeys: 2})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range 40 {
		key := "often"
		if i == 0 {
			key = "once"
		}
		if _, err := h.w.PublishKey(t.Context(), key, volatilePayload(i)); err != nil {
			t.Fatal(err)
		}
		s := takeVolatile(t, r, i, 0)
		s.Release()
	}
	late := h.reader(LinkRequest{}, ReaderOptions{})
	for _, want := range []int{0, 39} {
		s := takeVolatile(t, late, want, 0)
		s.Release()
	}
	expectNothing(t, late)
}

// A reader that its publisher does not admit gets what is left of its history, and does not count as lost what was taken back before it
// came. With AllHistory it counts every sample.
func TestVolatile_ReadersWithoutAdmission(t *testing.T) {
	const n = 20
	h := newHeapRing(t, WriterOptions{Volatile: true})
	first := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range n {
		publishVolatile(t, h.w, i)
		s := takeVolatile(t, first, i, 0)
		s.Release()
	}
	publishVolatile(t, h.w, n) // takes back those before n-1
	for history, firstOf := range map[uint32]int{0: n + 1, 1: n, 2: n - 1, 10: n - 1, historyAll: n - 1} {
		r, lost := h.passiveReader(history), uint64(0)
		if history == historyAll {
			lost = n - 1
		}
		for i := firstOf; i <= n; i++ {
			s := takeVolatile(t, r, i, lost)
			s.Release()
			lost = 0
		}
		expectNothing(t, r)
	}
}

// Keys that take turns cost no more than their newest samples, and those that a reader has not taken.
func TestVolatile_SlotsOfKeysThatTakeTurns(t *testing.T) {
	const depth, keys, rounds = 64, 3, 200
	for _, behind := range []int{0, 2, 10} {
		h := newHeapRing(t, WriterOptions{Depth: depth, Volatile: true, MaxKeys: keys})
		r := h.reader(LinkRequest{}, ReaderOptions{})
		for i := range rounds {
			if _, err := h.w.PublishKey(t.Context(), fmt.Sprint(i%keys), volatilePayload(i)); err != nil {
				t.Fatal(err)
			}
			if i >= behind {
				s := takeVolatile(t, r, i-behind, 0)
				s.Release()
			}
		}
		h.checkSlots()
		if got := slotsOf(h.w); got > 2*(keys+behind) {
			t.Errorf("%d keys that take turns, with a reader %d behind, have %d slots", keys, behind, got)
		}
	}
}

// A sample may be taken back while Latest searches for the newest one, which is then another.
func TestVolatile_Latest(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Volatile: true})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range 4 {
		publishVolatile(t, h.w, i)
	}
	h.w.withdraw(3)
	var s Sample
	if o, _, err := (*r.links.Load())[0].acquireNewest(&s, 3); o != lapped || err != nil { // as of a head that was loaded before
		t.Errorf("outcome %d with sequence %d, %v", o, s.Sequence(), err)
	}
}

// A publisher at its memory limit examines each entry of the ring once to find the samples that it can take back, also when a reader or a
// key keeps the ring's oldest for a while.
func TestWriter_ExaminesEntriesOnce(t *testing.T) {
	const depth, slots = 1024, 8
	payload := make([]byte, 1000)
	limit := int64(slots * (slotHeaderSize + slotSizeFor(len(payload))))
	for _, opts := range []WriterOptions{{}, {Volatile: true}, {MaxKeys: 2}, {MaxKeys: 2, Volatile: true}} {
		opts.Depth, opts.MemoryLimit = depth, limit
		h := newHeapRing(t, opts)
		h.reader(LinkRequest{}, ReaderOptions{}) // takes nothing
		for i := range 2 * depth {
			if _, err := h.w.PublishKey(t.Context(), fmt.Sprint(i/depth), payload); err != nil {
				t.Fatal(err)
			}
			if i == depth && h.w.keys != nil && !h.w.Dispose("0") {
				t.Fatal("there is no key 0")
			}
		}
		if behind := h.w.seq - h.w.mayHaveSlot; behind > slots {
			t.Errorf("%+v: the search begins %d entries behind the newest", opts, behind)
		}
	}
}

// The head is another process's word: whatever it says, a reader that is not admitted examines at most the whole ring.
func TestStartWithoutAdmission_AnyHead(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 8})
	l := (*h.reader(LinkRequest{}, ReaderOptions{}).links.Load())[0]
	before := l.head.Load()
	for _, head := range []uint64{0, 1, 1 << 63, math.MaxUint64 - 1, math.MaxUint64} {
		for _, history := range []uint32{0, 1, 8, historyAll - 1, historyAll} {
			mem.Set64(h.w.head, head)
			l.history = history
			if start := l.startWithoutAdmission(); history != historyAll && head+1-start > 8 {
				t.Errorf("head %#x, history %d: it begins at %#x", head, history, start)
			}
		}
	}
	mem.Set64(h.w.head, before)
}
