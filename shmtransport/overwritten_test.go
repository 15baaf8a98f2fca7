package shmtransport

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
)

func expectOverwritten(t *testing.T, r *Reader, want uint64) {
	t.Helper()
	var got uint64
	for _, o := range r.Overwritten() {
		got += o.Samples
	}
	if got != want {
		t.Fatalf("%d samples are overwritten, want %d", got, want)
	}
}

// What is overwritten while nothing is taken is what the next sample counts as lost, from the admission on.
func TestOverwritten_AsTheNextSampleCounts(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		for _, taken := range []int{0, 1, 3} {
			h := newRing(t, WriterOptions{Depth: 4})
			h.publish("before the admission")
			r := h.reader(LinkRequest{}, ReaderOptions{})
			for i := range taken {
				h.publish(fmt.Sprint(i))
				expect(t, r, fmt.Sprint(i), 0)
			}
			for i := range 20 {
				h.publish(fmt.Sprint(i))
				expectOverwritten(t, r, uint64(max(0, i+1-4)))
			}
			if s := r.Stats(); s.Lost != 0 || s.Messages != uint64(taken) {
				t.Errorf("it took %d samples and counted %d as lost, want %d and 0", s.Messages, s.Lost, taken)
			}
			expect(t, r, "16", 16)
			expectOverwritten(t, r, 0)
			r.Close()
			expectOverwritten(t, r, 0)
		}
	})
}

func TestOverwritten_SaysOfWhichPublisher(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4})
	quiet := newEntryRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	quiet.connect(r, LinkRequest{})
	(*r.links.Load())[0].userData = "busy"
	for range 10 {
		h.publish("x")
	}
	quiet.publish("x")
	if got := r.Overwritten(); len(got) != 1 || got[0] != (Overwritten{h.w.ID(), "busy", 6}) {
		t.Errorf("%+v", got)
	}
}

// A publisher that ended is copied, or stays mapped if it is large.
func TestOverwritten_OfAPublisherThatEnded(t *testing.T) {
	for _, size := range []int{1, 400_000} {
		r := NewReader(new(ReaderSet), nil, ReaderOptions{})
		payloads := make([]string, 10)
		for i := range payloads {
			payloads[i] = strings.Repeat("x", size)
		}
		h := newEntryRing(t, WriterOptions{Depth: 4})
		h.connect(r, LinkRequest{})
		for _, payload := range payloads {
			h.publish(payload)
		}
		h.w.Close()
		r.Prune()
		if len(r.ended) != 1 || (r.ended[0].kept != nil) != (size == 1) {
			t.Fatalf("%d ended publishers", len(r.ended))
		}
		expectOverwritten(t, r, 6)
		expect(t, r, payloads[0], 6)
		expectOverwritten(t, r, 0)
	}
}

// The newest sample of each key is still to be taken, so that not all that left the ring is lost.
func TestOverwritten_KeysAreNotLost(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4, MaxKeys: 8})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range 7 {
		h.publishKey(fmt.Sprint("key", i), "x")
	}
	expectOverwritten(t, r, 0) // 3 left the ring, none is lost
	for range 100 {
		h.publishKey("busy", "x")
	}
	expectOverwritten(t, r, 107-4-8)
	drain(t, r)
	if s := r.Stats(); s.Messages != 7+4 || s.Lost != 107-7-4 {
		t.Errorf("%d taken, %d lost", s.Messages, s.Lost)
	}
}

// Positions that no publisher can have reached count as none, and nothing is loaded beyond the link's own memory.
func TestOverwritten_HostilePositions(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for range 10 {
		h.publish("x")
	}
	l := (*r.links.Load())[0]
	start := mem.Uint64(l.admissions, admOffStart)
	for _, at := range []struct{ head, start, want uint64 }{
		{10, 1, 6}, {0, 1, 0}, {1, 1, 0}, {math.MaxUint64, 1, 0}, {1 << 40, 1, 1<<40 - 4}, {1<<40 + 1, 1, 0}, {10, 0, 6}, {10, math.MaxUint64, 0},
		{math.MaxUint64, math.MaxUint64, 0}, {math.MaxUint64, math.MaxUint64 - 9, 6}, {10, 11, 0},
	} {
		mem.Set64(l.head, at.head)
		start.Store(at.start)
		var got uint64
		for _, o := range r.Overwritten() {
			got += o.Samples
		}
		if got != at.want {
			t.Errorf("head %#x, start %#x: %d samples, want %d", at.head, at.start, got, at.want)
		}
	}
}
