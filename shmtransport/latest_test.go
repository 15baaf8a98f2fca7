package shmtransport

import (
	"fmt"
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

func TestTheLatestIsThereAgainAndAgain(t *testing.T) {
	inSlotsAndEntries(t, testTheLatestIsThereAgainAndAgain)
}

func testTheLatestIsThereAgainAndAgain(t *testing.T, newRing ringMaker) {
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
	expectNothing(t, r) // the others were passed over
	h.publish("10")
	h.publish("11")
	expect(t, r, "10", 0)
	latest(t, r, "11").Release()
	expectNothing(t, r)
	if f := r.Figures(); f.Messages != 3 || f.Lost != 0 || f.Held != 0 {
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

func TestTheLatestOfSeveralPublishersIsThatOfTheLast(t *testing.T) {
	r := NewReader(new(Waits), nil, ReaderOptions{})
	var rings []*heapRing
	for range 3 {
		h := newEntryRing(t, WriterOptions{})
		h.connect(r, LinkRequest{})
		rings = append(rings, h)
	}
	for i := range 30 {
		h := rings[i*7%3]
		h.publish(fmt.Sprint(i))
		latest(t, r, fmt.Sprint(i)).Release()
	}
	if n := r.held(); n != 0 {
		t.Errorf("%d held", n)
	}
}

func TestTheLatestIsOneThatWasNotTakenBack(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 8})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range 5 {
		h.publish(fmt.Sprint(i))
	}
	h.w.withdraw(5)
	h.w.withdraw(4)
	latest(t, r, "2").Release()
	r.Gone(h.w.ID().Participant)
	latest(t, r, "2").Release()
}
