package shmtransport

import (
	"math"
	"strings"
	"testing"
)

func (r *Reader) expectPublished(t *testing.T, want int64) {
	t.Helper()
	if got, by := r.LastPublished(math.MaxInt64); got != want || (want != 0) != (by != PublisherID{}) {
		t.Errorf("last published %d by %v, want %d", got, by, want)
	}
}

func TestLastPublished_TakenOrNot(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		h := newRing(t, WriterOptions{Depth: 4})
		r := h.reader(LinkRequest{}, ReaderOptions{TrackPublished: true})
		h.reader(LinkRequest{}, ReaderOptions{TrackPublished: true}).expectPublished(t, 0)
		at := h.w.clock.Now() - 1000
		h.publishAt(at, "1")
		r.expectPublished(t, at) // what was published before the first check counts with its stamp
		stamp := func() int64 {
			t.Helper()
			h.publish("x")
			return int64(h.w.Stats().LastStamp)
		}
		r.expectPublished(t, at)
		for range 10 { // the reader takes nothing and is overtaken
			at = stamp()
			r.expectPublished(t, at)
		}
		at = stamp()
		drain(t, r)
		r.expectPublished(t, at)
		at = stamp()
		h.w.head.Store(1) // which is a hint
		r.expectPublished(t, at)
		at = stamp()
		drain(t, r)
		h.w.head.Store(1)
		r.expectPublished(t, at)
	})
}

// A changed ring is publishing, whatever the stamp says. A stamp that cannot be is replaced by the time of the check.
func TestLastPublished_HostileStamps(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		h := newRing(t, WriterOptions{Depth: 4})
		r := h.reader(LinkRequest{}, ReaderOptions{TrackPublished: true})
		now := h.w.clock.Now
		for _, stamp := range []int64{math.MinInt64, -1, math.MaxInt64, now() + 1e12, 0, 1} {
			before := now()
			if stamp == 0 {
				r.expectPublished(t, r.published.stamp) // a check, from which on 0 and 1 are the past
			}
			h.publishAt(stamp, "x")
			if got, _ := r.LastPublished(math.MaxInt64); got < before || got > now() {
				t.Errorf("stamp %d counts as %d, now is %d", stamp, got, now())
			}
			r.expectPublished(t, r.published.stamp)
		}
		for _, damage := range []func(seq uint64){
			h.takeBack,
			func(seq uint64) { h.w.ring.Word(seq).Add(4 << 22) },
			func(seq uint64) { h.w.ring.Word(seq).Store(seq<<22 | 126<<14 | 3) }, // there is no such arena
			func(seq uint64) { h.w.head.Store(math.MaxUint64) },
		} {
			h.publishAt(now(), "x")
			damage(h.w.seq)
			before := now()
			if got, _ := r.LastPublished(math.MaxInt64); got < before {
				t.Errorf("it counts as %d, want a time from %d", got, before)
			}
		}
	})
}

func TestLastPublished_EndedPublishers(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		for name, size := range map[string]int{"copied": 1, "mapped": maxCopiedBytes, "taken": 0} {
			t.Run(name, func(t *testing.T) {
				r := NewReader(new(ReaderSet), nil, ReaderOptions{TrackPublished: true})
				h := newRing(t, WriterOptions{})
				h.connect(r, LinkRequest{})
				at := h.w.clock.Now()
				h.publishAt(at, strings.Repeat("x", size))
				if size == 0 {
					drain(t, r)
				}
				h.w.Close()
				r.Prune() // there was no check before
				r.expectPublished(t, at)
				drain(t, r)
				if n := r.Stats().Publishers; n != 0 {
					t.Errorf("%d publishers", n)
				}
				r.expectPublished(t, at)
			})
		}
	})
}

// The check ends at a publisher that published recently enough.
func TestLastPublished_SeveralPublishers(t *testing.T) {
	one, other := newHeapRing(t, WriterOptions{}), newEntryRing(t, WriterOptions{})
	r := one.reader(LinkRequest{}, ReaderOptions{TrackPublished: true})
	other.connect(r, LinkRequest{})
	now := one.w.clock.Now()
	one.publishAt(now, "1")
	other.publishAt(now+1, "2")
	if at, _ := r.LastPublished(now); at != now {
		t.Errorf("published at %d, want %d", at, now)
	}
	r.expectPublished(t, now+1)
	r.Close()
	r.expectPublished(t, now+1)
}
