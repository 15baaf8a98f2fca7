package shmtransport

import (
	"fmt"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
	"testing"
)

func latest(t *testing.T, r *Reader, payload string) Sample {
	t.Helper()
	var s Sample
	ok, err := r.Latest(&s)
	if err != nil {
		t.Fatal(err)
	}
	if ok != (payload != "") || string(s.Payload()) != payload {
		t.Fatalf("the latest is %q (%v), want %q", s.Payload(), ok, payload)
	}
	return s
}

// shareClock lets publishers share one clock. Their stamps decide which sample is the latest; two clocks agree to well
// under a microsecond, but two publishes of a test may be closer than that.
func shareClock(rings []*heapRing) {
	for _, h := range rings {
		h.w.clock = rings[0].w.clock
	}
}

func TestLatest_Repeated(t *testing.T) {
	inSlotsAndEntries(t, testLatest_Repeated)
}

func testLatest_Repeated(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{MaxHeld: 2})
	latest(t, r, "")
	for i := range 10 {
		h.publish(fmt.Sprint(i))
	}
	for range 3 {
		one, other := latest(t, r, "9"), latest(t, r, "9")
		one.Release()
		other.Release()
	}
	expectNothing(t, r) // the others were skipped
	h.publish("10")
	h.publish("11")
	expect(t, r, "10", 0)
	latest(t, r, "11").Release()
	expectNothing(t, r)
	if f := r.Stats(); f.Messages != 3 || f.Lost != 0 || f.Held != 0 {
		t.Errorf("%d received, %d lost, %d held", f.Messages, f.Lost, f.Held)
	}
	s := []Sample{latest(t, r, "11"), latest(t, r, "11")}
	var third Sample
	if ok, err := r.Latest(&third); ok || err == nil {
		t.Error("more are held than may be")
	}
	s[0].Release()
	latest(t, r, "11")
}

func TestLatest_SeveralPublishers(t *testing.T) {
	r := NewReader(new(WaitSet), nil, ReaderOptions{})
	var rings []*heapRing
	for range 3 {
		h := newEntryRing(t, WriterOptions{})
		h.connect(r, LinkRequest{})
		rings = append(rings, h)
	}
	shareClock(rings)
	for i := range 30 {
		h := rings[i*7%3]
		h.publish(fmt.Sprint(i))
		latest(t, r, fmt.Sprint(i)).Release()
	}
	if n := r.Stats().Held; n != 0 {
		t.Errorf("%d held", n)
	}
}

func TestLatest_SkipsWithdrawnSamples(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 8})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range 5 {
		h.publish(fmt.Sprint(i))
	}
	h.w.withdraw(5)
	h.w.withdraw(4)
	latest(t, r, "2").Release()
	(*r.links.Load())[0].exited.Store(true) // and Prune was not called yet
	latest(t, r, "2").Release()
}

func TestLatest_KeepsHeldSample(t *testing.T) {
	h := newEntryRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	h.publish("1")
	s := latest(t, r, "1")
	held := s
	h.publish("2")
	if ok, err := r.Latest(&s); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if string(held.Payload()) != "1" {
		t.Errorf("a sample that is held reads %q", held.Payload())
	}
}

// A publisher may stop for long, or for good, between the ring word and the head.
func TestLatest_StaleHead(t *testing.T) {
	inSlotsAndEntries(t, testLatest_StaleHead)
}

func testLatest_StaleHead(t *testing.T, newRing ringMaker) {
	for _, depth := range []int{1, 4} {
		h := newRing(t, WriterOptions{Depth: depth})
		r := h.reader(LinkRequest{}, ReaderOptions{})
		h.publish("1")
		h.publish("2")
		h.w.head.Store(1)
		if depth > 1 {
			expect(t, r, "1", 0)
			expect(t, r, "2", 0)
		} else {
			expect(t, r, "2", 1)
		}
		latest(t, r, "2").Release()
	}
}

func TestLatest_CountsLosses(t *testing.T) {
	r := NewReader(new(WaitSet), nil, ReaderOptions{})
	var rings []*heapRing
	for range 2 {
		h := newHeapRing(t, WriterOptions{Depth: 4})
		h.connect(r, LinkRequest{})
		rings = append(rings, h)
	}
	shareClock(rings)
	one, other := rings[0], rings[1]
	other.publish("first")
	expect(t, r, "first", 0)
	one.publish("1")
	expect(t, r, "1", 0)
	one.publish("2")
	one.w.withdraw(2)
	expectNothing(t, r)
	latest(t, r, "1").Release() // again
	one.publish("3")
	other.publish("later")
	latest(t, r, "later").Release() // 3 is skipped
	one.publish("4")
	expect(t, r, "4", 1)
	expectNothing(t, r)
	if f := r.Stats(); f.Lost != 1 || f.Messages != 4 || f.Held != 0 {
		t.Errorf("%d received, %d lost, %d held", f.Messages, f.Lost, f.Held)
	}
}

func TestLatest_AllSamplesWithdrawn(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range uint64(4) {
		h.publish("x")
		h.w.withdraw(i + 1)
	}
	var s Sample
	if o, _, err := (*r.links.Load())[0].latest(&s); o != noSample || err != nil {
		t.Errorf("outcome %d, %v", o, err)
	}
}

// A sample that is returned again without another check of the ring is a holding of its own, and ends when there is
// something newer.
func TestLatest_RepeatedIsSeparatelyHeld(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	h.publish("1")
	expect(t, r, "1", 0)
	former := latest(t, r, "1")
	former.Release()
	again := latest(t, r, "1")
	former.Release()
	if former.Payload() != nil || string(again.Payload()) != "1" {
		t.Errorf("released %q, held %q", former.Payload(), again.Payload())
	}
	h.publish("2")
	two := latest(t, r, "2")
	if string(again.Payload()) != "1" {
		t.Errorf("what is held became %q", again.Payload())
	}
	again.Release()
	latest(t, r, "2").Release()
	two.Release()
	latest(t, r, "2").Release()
	if n := r.Stats().Held; n != 0 {
		t.Errorf("%d held", n)
	}
	for i := range 9 {
		h.publish(fmt.Sprint(i)) // laps the reader
	}
	latest(t, r, "8").Release()
	latest(t, r, "8").Release()
	if f := r.Stats(); f.Messages != 3 || f.Lost != 0 {
		t.Errorf("%d received, %d lost", f.Messages, f.Lost)
	}
}

// A ring in which samples seem to be withdrawn over and over costs a few loads of each entry and no more.
func TestLatest_HostileRing(t *testing.T) {
	const depth = MaxDepth
	h := newEntryRing(t, WriterOptions{Depth: depth})
	r := h.reader(LinkRequest{History: 1}, ReaderOptions{})
	for range 3 {
		h.publish("x")
	}
	l := (*r.links.Load())[0]
	top := uint64(2 * depth)
	for seq := top - depth + 2; seq <= top; seq++ {
		h.w.ring.Word(seq).Store(ring.Word(seq, ring.Withdrawn))
	}
	h.w.head.Store(top)
	for range 2 {
		var s Sample
		if o, _, err := l.latest(&s); o != noSample || err != nil {
			t.Fatalf("it would look again: %v, %v", o, err)
		}
	}
}
