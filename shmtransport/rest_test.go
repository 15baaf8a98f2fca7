package shmtransport

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"time"
)

// long is a LatencyBudget that no test waits for.
const long = time.Hour

func (r *Reader) armedFirstLink() uint32 { return (*r.links.Load())[0].armed.Load() }

// awaitResting waits until the first link is armed with a sequence, which it returns.
func (r *Reader) awaitResting() uint32 {
	for {
		if a := r.armedFirstLink(); a >= armedFrom {
			return a
		}
		runtime.Gosched()
	}
}

// A publisher wakes a Reader with a LatencyBudget when its ring is an eighth full, and twice as full as usual, at most half. It needs no
// fence before, and rings no bell.
func TestLatencyBudget_WakesInTime(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 32})
	r := h.reader(LinkRequest{}, ReaderOptions{LatencyBudget: long})
	expectNothing(t, r) // admitted
	bell, remote, links := h.w.bell.Load(), h.w.readers[0], *r.links.Load()
	for round, n := range []int{4, 10, 16, 16, 16} {
		r.adaptRest(links)
		r.arm(links)
		before := remote.wakeAgain
		for i := range n - 1 {
			if n := fences(t, h); n != 0 || remote.wakeAgain != before {
				t.Fatalf("round %d, sample %d: %d fences, woken %v", round, i, n, remote.wakeAgain != before)
			}
		}
		if n := fences(t, h); n != 1 || remote.wakeAgain == before {
			t.Fatalf("round %d: %d fences for the last sample, woken %v", round, n, remote.wakeAgain != before)
		}
		r.disarm(links)
		drain(t, r)
	}
	if h.w.bell.Load() != bell {
		t.Error("a bell rang")
	}
}

// The ringWatch passes the wake-up on, for each of many links. One that came before it slept is repeated.
func TestLatencyBudget_PublisherEndsRest(t *testing.T) {
	r := NewReader(new(ReaderSet), nil, ReaderOptions{LatencyBudget: long})
	var rings []*heapRing
	for range watchWords + 2 {
		h := newEntryRing(t, WriterOptions{Depth: 32})
		h.connect(r, LinkRequest{})
		rings = append(rings, h)
	}
	got := receiveAll(t, r)
	for _, k := range []int{0, watchWords - 1, watchWords, watchWords + 1, 3} {
		for (*r.links.Load())[k].armed.Load() < armedFrom {
			select {
			case <-got:
			default:
				runtime.Gosched()
			}
		}
		woken := false
		for tries := 0; !woken; tries++ {
			if tries == 5000 {
				t.Fatalf("publisher %d does not end the rest", k)
			}
			rings[k].publish("x")
			select {
			case <-got:
				woken = true
			case <-time.After(time.Millisecond):
			}
		}
	}
	go r.Close()
	for range got {
	}
}

func TestLatencyBudget_WakesAgain(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 64})
	r := h.reader(LinkRequest{}, ReaderOptions{LatencyBudget: long})
	remote := h.w.readers[0]
	(*r.links.Load())[0].armed.Store(armedFrom | 16)
	var woken []uint64
	for range 24 {
		before := remote.wakeAgain
		h.publish("x")
		if remote.wakeAgain != before {
			woken = append(woken, h.w.seq)
		}
	}
	if !slices.Equal(woken, []uint64{16, 20, 24}) {
		t.Errorf("woken at %d", woken)
	}
}

func TestLatencyBudget_TakesFewSamplesInTime(t *testing.T) {
	for name, idle := range map[string]int{"alone": 0, "in groups": manyLinks} {
		t.Run(name, func(t *testing.T) {
			h := newEntryRing(t, WriterOptions{Depth: 32})
			r := h.reader(LinkRequest{}, ReaderOptions{LatencyBudget: 5 * time.Millisecond})
			h.addIdleLinks(r, idle)
			got := receiveAll(t, r)
			for range 3 {
				r.awaitResting()
				h.publish("x")
				if s := <-got; s != "x" {
					t.Fatalf("got %q", s)
				}
			}
			if h.w.readers[0].wakeAgain != 0 {
				t.Error("one sample woke it")
			}
			r.Close()
			<-got
		})
	}
}

// In a small ring a few samples are too many to wait.
func TestLatencyBudget_SmallRingWakesAtOnce(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{LatencyBudget: long})
	got := receiveAll(t, r)
	for range 3 {
		r.awaitArmed(0)
		h.publish("x")
		<-got
	}
	r.Close()
	<-got
}

// The end of a publisher, and a new one, are seen too.
func TestLatencyBudget_OtherEvents(t *testing.T) {
	a, b := newEntryRing(t, WriterOptions{Depth: 32}), newEntryRing(t, WriterOptions{Depth: 32})
	ended := make(chan PublisherID)
	r := a.reader(LinkRequest{}, ReaderOptions{LatencyBudget: 5 * time.Millisecond, Ended: func(id PublisherID) { ended <- id }})
	got := receiveAll(t, r)
	r.awaitResting()
	a.publish("last")
	a.w.Close()
	if s := <-got; s != "last" {
		t.Errorf("got %q", s)
	}
	if id := <-ended; id != a.w.ID() {
		t.Errorf("%v ended", id)
	}
	b.connect(r, LinkRequest{History: 1})
	for range 8 {
		b.publish("x")
	}
	<-got
	r.Close()
	for range got {
	}
}

func TestLatencyBudget_Interval(t *testing.T) {
	const budget, ms = 16 * time.Millisecond, time.Millisecond
	for name, c := range map[string]struct {
		came          []uint64 // before each rest, in a ring of 64
		before, after time.Duration
	}{
		"idle":             {make([]uint64, 40), MinLatencyBudget, budget},
		"nearly a quarter": {[]uint64{15}, 8 * ms, 9 * ms},
		"a quarter":        {[]uint64{16, 16}, 8 * ms, 8 * ms},
		"not too much":     {[]uint64{23, 23}, 8 * ms, 8 * ms},
		"too much":         {[]uint64{24}, 8 * ms, 6 * ms},
		"far too much":     {slices.Repeat([]uint64{99}, 40), budget, MinLatencyBudget},
	} {
		t.Run(name, func(t *testing.T) {
			h, other := newEntryRing(t, WriterOptions{Depth: 64}), newEntryRing(t, WriterOptions{Depth: 4})
			r := h.reader(LinkRequest{}, ReaderOptions{LatencyBudget: budget})
			other.connect(r, LinkRequest{})
			r.interval = c.before
			expectNothing(t, r) // admitted
			links := *r.links.Load()
			for _, n := range c.came {
				links[0].cursor += n
				links[1].cursor += 1000 // wakes at once, whatever the interval
				r.adaptRest(links)
			}
			if r.interval != c.after || r.waiter.Longest != c.after {
				t.Errorf("interval %v, %v; want %v", r.interval, r.waiter.Longest, c.after)
			}
		})
	}
}

func TestIsReached(t *testing.T) {
	for _, at := range []uint64{10, math.MaxUint32, 1 << 31, 1<<31 + 3, 1<<40 + 5} {
		word := armedFrom | uint32(at)
		for ahead := range uint64(10) {
			if got := isReached(word, at-ahead); got != (ahead == 0) {
				t.Errorf("sequence %d, armed with %d: %v", at-ahead, at, got)
			}
			if !isReached(word, at+ahead) {
				t.Errorf("sequence %d, armed with %d", at+ahead, at)
			}
		}
	}
}
