package shmtransport

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

// publishAt publishes a sample with any stamp, as a hostile publisher or one that was stopped can.
func (h *heapRing) publishAt(stamp int64, payload string) {
	h.t.Helper()
	w := h.w
	w.mu.Lock()
	defer w.mu.Unlock()
	id, err := w.fillSlot(h.t.Context(), []byte(payload))
	if err == nil {
		err = w.awaitRoom(h.t.Context(), id)
	}
	if err != nil {
		h.t.Error(err)
		return
	}
	if id == noSlot {
		w.ring.Fill(w.seq+1, []byte(payload))
	}
	w.commit(id, len(payload), stamp)
	w.wakeReaders()
}

// takeBack makes a sample, in a slot or an entry, one that is taken back.
func (h *heapRing) takeBack(seq uint64) { h.w.ring.Word(seq).Store(ring.Word(seq, ring.Withdrawn)) }

// old is a stamp of an hour before now.
func (h *heapRing) old() int64 { return h.w.clock.Now() - int64(time.Hour) }

// A taking is a way to take all samples that are there.
type taking struct {
	name string
	take func(t *testing.T, r *Reader) []Sample
}

var takings = []taking{
	{"TryReceive", func(t *testing.T, r *Reader) (all []Sample) {
		for {
			s, ok, err := tryReceive(r)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return all
			}
			all = append(all, s)
		}
	}},
	{"Receive", func(t *testing.T, r *Reader) (all []Sample) {
		ctx := cancelled(t)
		for {
			s, err := r.Receive(ctx)
			if errors.Is(err, context.Canceled) {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
	}},
	{"ReceiveBatch", func(t *testing.T, r *Reader) (all []Sample) {
		ctx, buf := cancelled(t), make([]Sample, 5)
		for {
			n, err := r.ReceiveBatch(ctx, buf)
			if errors.Is(err, context.Canceled) {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range buf[n:] {
				if s.link != nil {
					t.Error("a sample is behind those of the batch")
				}
			}
			all = append(all, buf[:n]...)
		}
	}},
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// inEveryWay runs a test with slots and entries, and with each taking.
func inEveryWay(t *testing.T, test func(*testing.T, ringMaker, func(*testing.T, *Reader) []Sample)) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		for _, way := range takings {
			t.Run(way.name, func(t *testing.T) { test(t, newRing, way.take) })
		}
	})
}

func (r *Reader) expectCounts(t *testing.T, received, lost, stale, filtered uint64) {
	t.Helper()
	if f := r.Stats(); f.Messages != received || f.Lost != lost || f.Stale != stale || f.Filtered != filtered || f.Held != 0 {
		t.Errorf("%d received, %d lost, %d stale, %d filtered, %d held; want %d, %d, %d, %d, 0", f.Messages, f.Lost, f.Stale, f.Filtered, f.Held,
			received, lost, stale, filtered)
	}
}

func TestMaxAge_StaleSamples(t *testing.T) { inEveryWay(t, testMaxAge_StaleSamples) }

func testMaxAge_StaleSamples(t *testing.T, newRing ringMaker, take func(*testing.T, *Reader) []Sample) {
	h := newRing(t, WriterOptions{Depth: 16})
	r := h.reader(LinkRequest{}, ReaderOptions{MaxAge: time.Minute})
	for _, p := range "ssfssffsfffs" {
		if p == 's' {
			h.publishAt(h.old(), "s")
		} else {
			h.publish("f")
		}
	}
	h.takeBack(2)
	h.takeBack(7)
	all := take(t, r)
	for i, want := range []struct{ sequence, lost uint64 }{{3, 1}, {6, 0}, {9, 1}, {10, 0}, {11, 0}} {
		if len(all) != 5 || all[i].Sequence() != want.sequence || all[i].Lost() != want.lost || string(all[i].Payload()) != "f" {
			t.Fatalf("sample %d of %d is %q, sequence %d after %d lost; want %d after %d", i, len(all), all[i].Payload(), all[i].Sequence(), all[i].Lost(), want.sequence, want.lost)
		}
		all[i].Release()
	}
	r.expectCounts(t, 5, 2, 5, 0)
	if lag := r.Stats().Lag; lag != 0 {
		t.Errorf("%d are not taken", lag)
	}
	expectNothing(t, r)
}

func TestMaxAge_Latest(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		h := newRing(t, WriterOptions{Depth: 4})
		r := h.reader(LinkRequest{}, ReaderOptions{MaxAge: time.Minute})
		h.publish("1")
		h.publishAt(h.old(), "2")
		for range 3 {
			latest(t, r, "")
		}
		expectNothing(t, r) // 1 was passed over
		r.expectCounts(t, 0, 0, 1, 0)
		h.publish("3")
		for range 3 {
			latest(t, r, "3").Release()
		}
		r.expectCounts(t, 1, 0, 1, 0)
		r.limits.maxAge = 1 // now 3 is too old
		for range 3 {
			latest(t, r, "")
		}
		r.expectCounts(t, 1, 0, 1, 0)
		h.publish("4")
		h.takeBack(4)
		latest(t, r, "")
		r.limits.maxAge = int64(time.Hour)
		h.publish("5")
		expect(t, r, "5", 1)
		r.expectCounts(t, 2, 1, 1, 0)
	})
}

func TestMaxAge_LatestOfSeveralPublishers(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		one, other := newRing(t, WriterOptions{}), newRing(t, WriterOptions{})
		r := one.reader(LinkRequest{}, ReaderOptions{MaxAge: time.Minute})
		other.connect(r, LinkRequest{})
		one.publishAt(one.old(), "1")
		other.publishAt(other.old(), "2")
		latest(t, r, "")
		r.expectCounts(t, 0, 0, 1, 0) // 1 was passed over
		other.publish("3")
		one.publishAt(one.old(), "4")
		one.w.Close()
		other.w.Close()
		r.Prune()
		for range 2 {
			latest(t, r, "3").Release()
		}
		r.limits.maxAge = 1
		latest(t, r, "")
		if f := r.Stats(); f.Publishers != 0 || f.Messages != 1 || f.Stale != 1 {
			t.Errorf("%+v", f)
		}
	})
}

func TestMaxAge_HostileStamps(t *testing.T) {
	inEveryWay(t, func(t *testing.T, newRing ringMaker, take func(*testing.T, *Reader) []Sample) {
		h := newRing(t, WriterOptions{})
		for _, age := range []time.Duration{time.Minute, math.MaxInt64} {
			r := h.reader(LinkRequest{}, ReaderOptions{MaxAge: age})
			now := h.w.clock.Now()
			stamps := []int64{0, -1, math.MinInt64, math.MaxInt64, now + int64(time.Hour), now}
			for _, stamp := range stamps {
				h.publishAt(stamp, "x")
			}
			want := []int64{math.MaxInt64, now + int64(time.Hour), now}
			if age == math.MaxInt64 { // a stamp before the clock's epoch is older than that
				want = []int64{0, -1, math.MaxInt64, now + int64(time.Hour), now}
			}
			var got []int64
			for _, s := range take(t, r) {
				got = append(got, s.Stamp())
				s.Release()
			}
			if !slices.Equal(got, want) {
				t.Errorf("with %v: stamps %v, want %v", age, got, want)
			}
			r.expectCounts(t, uint64(len(want)), 0, uint64(len(stamps)-len(want)), 0)
			r.Close()
		}
	})
}

func TestMinSeparation_Stamps(t *testing.T) {
	const never, always = math.MinInt64, math.MaxInt64
	for name, c := range map[string]struct{ stamps, delivered []int64 }{
		"regular":        {[]int64{10, 13, 16, 19, 22, 25, 29, 30, 40}, []int64{10, 22, 40}},
		"exactly":        {[]int64{10, 20, 29, 30, 40}, []int64{10, 20, 30, 40}},
		"equal":          {[]int64{10, 10, 10, 20, 20}, []int64{10, 20}},
		"zero":           {[]int64{0, 0, 5, 10}, []int64{0, 10}},
		"back":           {[]int64{100, 105, 99, 100, 109, 110}, []int64{100, 99, 109}},
		"once in future": {[]int64{10, always, 12, 15, 22}, []int64{10, always, 12, 22}},
		"negative":       {[]int64{-30, -25, -20, 5, never, -1, always}, []int64{-30, -20, 5, never, -1, always}},
	} {
		t.Run(name, func(t *testing.T) {
			inEveryWay(t, func(t *testing.T, newRing ringMaker, take func(*testing.T, *Reader) []Sample) {
				h := newRing(t, WriterOptions{})
				r := h.reader(LinkRequest{}, ReaderOptions{MinSeparation: 10})
				for _, stamp := range c.stamps {
					h.publishAt(stamp, "x")
				}
				var got []int64
				for _, s := range take(t, r) {
					got = append(got, s.Stamp())
					s.Release()
				}
				if !slices.Equal(got, c.delivered) {
					t.Errorf("of %v it delivers %v, want %v", c.stamps, got, c.delivered)
				}
				r.expectCounts(t, uint64(len(c.delivered)), 0, 0, uint64(len(c.stamps)-len(c.delivered)))
			})
		})
	}
}

// Receiving at other times gives the same samples, and one publisher's do not count for another.
func TestMinSeparation_EachPublisher(t *testing.T) {
	inEveryWay(t, func(t *testing.T, newRing ringMaker, take func(*testing.T, *Reader) []Sample) {
		one, other := newRing(t, WriterOptions{Depth: 64}), newRing(t, WriterOptions{Depth: 64})
		r := one.reader(LinkRequest{}, ReaderOptions{MinSeparation: 10})
		other.connect(r, LinkRequest{})
		var got []string
		for i := range int64(40) {
			one.publishAt(i, fmt.Sprint("one ", i))
			other.publishAt(i+1000, fmt.Sprint("other ", i))
			if i%7 != 0 && i != 39 {
				continue
			}
			for _, s := range take(t, r) {
				got = append(got, string(s.Payload()))
				s.Release()
			}
		}
		slices.Sort(got)
		if want := []string{"one 0", "one 10", "one 20", "one 30", "other 0", "other 10", "other 20", "other 30"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		r.expectCounts(t, 8, 0, 0, 72)
	})
}

func TestMinSeparation_Latest(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		h := newRing(t, WriterOptions{})
		r := h.reader(LinkRequest{}, ReaderOptions{MinSeparation: 10})
		h.publishAt(1, "1")
		latest(t, r, "1").Release()
		h.publishAt(5, "5")
		latest(t, r, "5").Release() // the separation counts from here
		h.publishAt(12, "12")
		expectNothing(t, r)
		latest(t, r, "12").Release() // which was filtered, and is again not received
		h.publishAt(15, "15")
		expect(t, r, "15", 0)
		r.expectCounts(t, 3, 0, 0, 1)
	})
}

// Both limits together: a stale sample does not count for the separation.
func TestMinSeparation_AfterStaleSamples(t *testing.T) {
	inEveryWay(t, func(t *testing.T, newRing ringMaker, take func(*testing.T, *Reader) []Sample) {
		h := newRing(t, WriterOptions{})
		r := h.reader(LinkRequest{}, ReaderOptions{MaxAge: time.Minute, MinSeparation: time.Hour})
		now := h.w.clock.Now()
		h.publishAt(now, "1")
		h.publishAt(now-int64(2*time.Minute), "2")
		h.publishAt(now+1, "3")
		h.publishAt(now-1, "4")
		var got []string
		for _, s := range take(t, r) {
			got = append(got, string(s.Payload()))
			s.Release()
		}
		if !slices.Equal(got, []string{"1", "4"}) {
			t.Errorf("got %q", got)
		}
		r.expectCounts(t, 2, 0, 1, 1)
	})
}

// A lossless publisher does not wait for a reader that receives and gets nothing.
func TestTimeLimits_LosslessPublisher(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		for _, opts := range []ReaderOptions{{MaxAge: time.Minute}, {MinSeparation: time.Minute}} {
			h := newRing(t, WriterOptions{Depth: 4})
			r := h.reader(LinkRequest{Lossless: true}, opts)
			last := make(chan string)
			go func() {
				var got string
				for got != "end" {
					s, err := r.Receive(t.Context())
					if err != nil {
						t.Error(err)
						break
					}
					got = string(s.Payload())
					s.Release()
				}
				last <- got
			}()
			now := h.w.clock.Now()
			first := now
			if opts.MaxAge > 0 {
				first = h.old()
			}
			for i := range int64(1000) {
				h.publishAt(first+i, "x")
			}
			h.publishAt(now+int64(time.Hour), "end")
			<-last
			if f := r.Stats(); f.Stale+f.Filtered < 999 || f.Messages+f.Stale+f.Filtered != 1001 || f.Lost != 0 {
				t.Errorf("%d received, %d lost, %d stale, %d filtered", f.Messages, f.Lost, f.Stale, f.Filtered)
			}
		}
	})
}

// What a publisher that ended left is judged as before, in a copy and in a ring that stays mapped.
func TestTimeLimits_EndedPublishers(t *testing.T) {
	inEveryWay(t, func(t *testing.T, newRing ringMaker, take func(*testing.T, *Reader) []Sample) {
		for _, size := range []int{1, maxCopiedBytes} {
			var ended []PublisherID
			h := newRing(t, WriterOptions{})
			r := h.reader(LinkRequest{}, ReaderOptions{MinSeparation: 10, MaxAge: math.MaxInt64, Ended: func(id PublisherID) { ended = append(ended, id) }})
			fill := strings.Repeat("x", size)
			h.publishAt(100, fill)
			for _, s := range take(t, r) {
				s.Release()
			}
			for _, stamp := range []int64{105, math.MinInt64, 110, 115, math.MinInt64, 119} {
				h.publishAt(stamp, fill)
			}
			h.w.Close()
			r.Prune()
			if kept := r.ended[0].kept != nil; kept != (size == 1) {
				t.Errorf("of %d bytes, copied %v", size, kept)
			}
			all := take(t, r)
			if len(all) != 1 || all[0].Stamp() != 110 {
				t.Fatalf("%d samples", len(all))
			}
			all[0].Release()
			r.expectCounts(t, 2, 0, 2, 3)
			if len(ended) != 1 || r.Stats().Publishers != 0 {
				t.Errorf("%d publishers ended, %d are left", len(ended), r.Stats().Publishers)
			}
		}
	})
}

// After a stall only fresh samples come, however many are stale.
func TestTimeLimits_ManyStaleSamples(t *testing.T) {
	inEveryWay(t, func(t *testing.T, newRing ringMaker, take func(*testing.T, *Reader) []Sample) {
		r := NewReader(new(ReaderSet), nil, ReaderOptions{MaxAge: time.Minute})
		const depth, publishers = 16 << 10, 7
		for range publishers {
			h := newRing(t, WriterOptions{Depth: depth})
			h.connect(r, LinkRequest{})
			first := h.old()
			for i := range int64(depth - 1) {
				h.publishAt(first+i, "x")
			}
			h.publish("fresh")
		}
		var got int
		for range publishers { // Receive with a context that has ended gives up after each pass
			for range publishers * (depth/maxSkipped + 1) {
				for _, s := range take(t, r) {
					if string(s.Payload()) != "fresh" {
						t.Fatalf("it delivers %q", s.Payload())
					}
					s.Release()
					got++
				}
			}
		}
		if got != publishers {
			t.Errorf("%d samples", got)
		}
		r.expectCounts(t, publishers, 0, publishers*(depth-1), 0)
	})
}

// One call of TryReceive finds the sample behind all the stale ones; a call of Receive looks at its context meanwhile, and the next
// publisher has its turn.
func TestTimeLimits_WorkOfOneCall(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		const depth = 16 << 10
		one, other := newRing(t, WriterOptions{Depth: depth}), newRing(t, WriterOptions{})
		stall := func(h *heapRing) {
			first := h.old()
			for i := range int64(depth - 1) {
				h.publishAt(first+i, "x")
			}
		}
		r := one.reader(LinkRequest{}, ReaderOptions{MaxAge: time.Minute})
		stall(one)
		one.publish("fresh")
		expect(t, r, "fresh", 0)
		r.expectCounts(t, 1, 0, depth-1, 0)

		stall(one)
		if _, err := r.Receive(cancelled(t)); !errors.Is(err, context.Canceled) {
			t.Errorf("received with %v", err)
		}
		r.expectCounts(t, 1, 0, depth-1+maxSkipped, 0)
		other.connect(r, LinkRequest{})
		other.publish("other")
		s, err := r.Receive(t.Context())
		if err != nil || string(s.Payload()) != "other" {
			t.Fatalf("received %q, %v", s.Payload(), err)
		}
		s.Release()
		if n := r.Stats().Stale - (depth - 1); n > 3*maxSkipped {
			t.Errorf("%d samples were skipped before another publisher's", n)
		}
	})
}

// A busyView publishes another sample whenever a reader has read a payload.
type busyView struct {
	*heapStore
	publish func()
}

func (v busyView) readAt(p []byte, off int64) error {
	err := v.heapStore.readAt(p, off)
	if len(p) == 1 {
		v.publish()
	}
	return err
}

// A publisher that publishes stale samples as fast as a reader skips them does not keep TryReceive for ever.
func TestTimeLimits_StaleSamplesWithoutEnd(t *testing.T) {
	h := newHeapRing(t, WriterOptions{})
	publish := func() { h.publishAt(h.old(), "x") }
	l, err := openLink(busyView{h.store, publish}, h.w.ID())
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(new(ReaderSet), nil, ReaderOptions{MaxAge: time.Minute})
	l.attach(mem.Alloc(linkPageSize), 1)
	l.passive = true // it reads payloads through the view
	l.begin(1)
	r.addLink(l, func() {})
	publish()
	expectNothing(t, r)
	r.expectCounts(t, 0, 0, maxSkipped, 0)
	expectNothing(t, r)
	r.expectCounts(t, 0, 0, 2*maxSkipped, 0)
}

func TestTimeLimits_NoAllocations(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		h := newRing(t, WriterOptions{})
		r := h.reader(LinkRequest{}, ReaderOptions{MaxAge: time.Minute, MinSeparation: time.Nanosecond})
		buf, ctx := make([]Sample, 8), t.Context()
		old := h.old()
		payloads := texts(0, 3)
		allocatesNothing(t, 100, func() {
			h.w.PublishBatch(ctx, payloads)
			h.publishAt(old, "x")
			h.publishAt(h.w.clock.Now(), "x")
			n, err := r.ReceiveBatch(ctx, buf)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range buf[:n] {
				s.Release()
			}
			if s, ok, _ := tryReceive(r); ok {
				s.Release()
			}
		})
	})
}
