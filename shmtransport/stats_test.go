package shmtransport

import (
	"runtime"
	"sync"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/stats"
)

func TestStats_ConcurrentReadsHammer(t *testing.T) {
	const messages = 20_000 / slowdown
	h := newHeapRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for r.Stats().Messages < messages {
		}
	})
	wg.Go(func() {
		for h.w.Stats().Messages < messages {
		}
	})
	wg.Go(func() {
		for range messages {
			s, err := r.Receive(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			s.Release()
		}
	})
	for range messages {
		h.publish("x")
	}
	wg.Wait()
}

func TestReader_StatsAfterLastRelease(t *testing.T) {
	inSlotsAndEntries(t, testReader_StatsAfterLastRelease)
}

// Nothing is published or received any more, and a Receive waits on another goroutine.
func testReader_StatsAfterLastRelease(t *testing.T, newRing ringMaker) {
	const samples = 100
	h := newRing(t, WriterOptions{Depth: 128})
	block := mem.Alloc(stats.Size)
	r := NewReader(new(ReaderSet), block, ReaderOptions{})
	h.connect(r, LinkRequest{})
	for range samples + 3 {
		h.publish("x")
	}
	var held []Sample
	for range samples {
		s, ok, err := tryReceive(r)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		held = append(held, s)
	}
	r.expectStats(t, samples, 3, 0)
	for range 3 {
		expect(t, r, "x", 0)
	}
	r.expectStats(t, samples, 0, 0)
	var wg sync.WaitGroup
	wg.Go(func() {
		r.Receive(t.Context()) // until the reader closes
	})
	defer wg.Wait()
	defer r.Close()
	for link := (*r.links.Load())[0]; link.armed.Load() < armedFirst; {
		runtime.Gosched()
	}
	for i, s := range held {
		s.Release()
		r.expectStats(t, uint64(samples-1-i), 0, 0)
	}
	r.CountDecodeError()
	r.expectStats(t, 0, 0, 1)
	for ctx := boundedContext(t); ; runtime.Gosched() {
		f := stats.ReadSubscription(copyStats(block))
		if f.Held == 0 && f.Lag == 0 && f.DecodeErrors == 1 {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("what others see stays as it was: %+v", f)
		}
	}
}

func (r *Reader) expectStats(t *testing.T, held, lag, undecodable uint64) {
	t.Helper()
	if f := r.Stats(); f.Held != held || f.Lag != lag || f.DecodeErrors != undecodable {
		t.Fatalf("%d held, %d behind, %d undecodable; want %d, %d, %d", f.Held, f.Lag, f.DecodeErrors, held, lag, undecodable)
	}
}

// Shared statistics follow without a call of Stats.
func TestReader_SharedStatsFollow(t *testing.T) {
	h := newHeapRing(t, WriterOptions{})
	block := mem.Alloc(stats.Size)
	r := NewReader(new(ReaderSet), block, ReaderOptions{})
	h.connect(r, LinkRequest{})
	ctx := boundedContext(t)
	follow := func(held uint64) {
		t.Helper()
		for stats.ReadSubscription(copyStats(block)).Held != held {
			if runtime.Gosched(); ctx.Err() != nil {
				t.Fatalf("not %d", held)
			}
		}
	}
	for range 3 {
		h.publish("x")
		s, _, _ := tryReceive(r)
		follow(1)
		s.Release()
		follow(0)
	}
	h.publish("x")
	s, _, _ := tryReceive(r)
	r.Close()
	before := string(copyStats(block))
	s.Release()
	if f := r.Stats(); f.Held != 0 {
		t.Errorf("%d held", f.Held)
	}
	if string(copyStats(block)) != before {
		t.Error("a release changed memory that was given back with the reader")
	}
}
