package shmtransport

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

func TestReceive_ContextAndCloseEndSpin(t *testing.T) {
	h := newHeapRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{Spin: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := r.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	time.AfterFunc(time.Millisecond, r.Close)
	if _, err := r.Receive(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

// Each message waits for the answer to the one before, so every take sleeps or spins. A lost wake-up makes this test
// take as long as the longest sleep.
func TestReceive_NoLostWakeUpsHammer(t *testing.T) {
	inSlotsAndEntries(t, testReceive_NoLostWakeUpsHammer)
}

func testReceive_NoLostWakeUpsHammer(t *testing.T, newRing ringMaker) {
	for name, c := range map[string]struct {
		opts  ReaderOptions
		idle  int // links of each Reader that have nothing
		pairs int
		turns int
	}{
		"warm":           {opts: ReaderOptions{Spin: -1}, pairs: 1, turns: 20_000},
		"spinning first": {opts: ReaderOptions{Spin: 2 * time.Microsecond}, pairs: 1, turns: 20_000},
		"many warm":      {opts: ReaderOptions{Spin: -1}, pairs: 10, turns: 2000},
		"some warm":      {opts: ReaderOptions{Spin: -1}, idle: 10, pairs: 10, turns: 1000},
		"alone":          {opts: ReaderOptions{Spin: -1}, idle: mostIdle, pairs: 1, turns: 5000},
		"many in groups": {opts: ReaderOptions{Spin: -1}, idle: mostIdle, pairs: 10, turns: 300},
		"many links":     {opts: ReaderOptions{Spin: -1}, idle: manyLinks, pairs: 1, turns: 300},
	} {
		t.Run(name, func(t *testing.T) {
			waits := new(ReaderSet)
			var players sync.WaitGroup
			for range c.pairs {
				ping, pong := newRing(t, WriterOptions{Depth: 2}), newRing(t, WriterOptions{Depth: 1})
				left, right := NewReader(waits, nil, c.opts), NewReader(waits, nil, c.opts)
				ping.addIdleLinks(left, c.idle)
				ping.addIdleLinks(right, c.idle)
				ping.connect(right, LinkRequest{Lossless: true})
				pong.connect(left, LinkRequest{})
				play := func(r *Reader, w *Writer, serve bool) {
					for range c.turns / slowdown {
						if serve {
							w.Publish(t.Context(), nil)
						}
						s, err := r.Receive(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						s.Release()
						if !serve {
							w.Publish(t.Context(), nil)
						}
					}
				}
				players.Go(func() { play(right, pong.w, false) })
				players.Go(func() { play(left, ping.w, true) })
			}
			players.Wait()
		})
	}
}

// A fault that another goroutine finds between the check of the links and the sleep is handled without another event.
func TestReceive_FaultBeforeSleep(t *testing.T) {
	for name, spin := range map[string]time.Duration{"sleeping": -1, "spinning first": time.Microsecond} {
		t.Run(name, func(t *testing.T) {
			corrupt, faulted := newHeapRing(t, WriterOptions{}), newHeapRing(t, WriterOptions{})
			ctx, cancel := context.WithCancel(t.Context())
			fault := errors.New("a fault in a payload")
			var r *Reader
			var failed []error
			r = NewReader(new(ReaderSet), nil, ReaderOptions{Spin: spin, Failed: func(_ PublisherID, err error) {
				if failed = append(failed, err); len(failed) == 1 {
					(*r.links.Load())[0].setFault(fault) // needs no lock that Receive has
				} else {
					cancel()
				}
			}})
			defer r.Close()
			faulted.connect(r, LinkRequest{})
			corrupt.connect(r, LinkRequest{})
			corrupt.w.ring.Word(1).Store(ring.Word(2, 0)) // an entry holds every depth-th sequence
			if _, err := r.Receive(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if len(failed) != 2 || !errors.As(failed[0], new(*errdefs.CorruptError)) || failed[1] != fault {
				t.Errorf("failed: %v", failed)
			}
		})
	}
}

// mostIdle is so many idle links that only one Reader of a ReaderSet is warm. The others sleep alone or in groups.
const mostIdle = 100

// addIdleLinks adds links of another publisher, which never admits them.
func (h *heapRing) addIdleLinks(r *Reader, n int) {
	h.t.Helper()
	if n == 0 {
		return
	}
	idle := newHeapRing(h.t, WriterOptions{})
	for range n {
		l, err := openLink(idle.store, idle.w.ID())
		if err != nil {
			h.t.Fatal(err)
		}
		l.attach(mem.Alloc(linkPageSize), 1)
		r.addLink(l, func() {})
	}
}

func TestReceive_WaitWithoutAllocations(t *testing.T) {
	inSlotsAndEntries(t, testReceive_WaitWithoutAllocations)
}

func testReceive_WaitWithoutAllocations(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{Spin: -1})
	armed := (*r.links.Load())[0].armed
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begin, payload := make(chan struct{}), []byte("payload")
	defer close(begin)
	go func() {
		for range begin {
			for armed.Load() < armedFirst {
				runtime.Gosched()
			}
			h.w.Publish(ctx, payload)
		}
	}()
	step := func() {
		begin <- struct{}{}
		s, err := r.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	allocatesNothing(t, 100, step)
}

func TestReceive_ContextAndCloseEndSleep(t *testing.T) {
	for name, c := range map[string]struct {
		idle    int // links of each Reader that have nothing
		readers int
	}{
		"leader":     {0, 1},
		"followers":  {0, 4},
		"alone":      {mostIdle, 2},
		"groups":     {mostIdle, 4},
		"many links": {manyLinks, 1},
	} {
		t.Run(name, func(t *testing.T) {
			waits := new(ReaderSet)
			h := newHeapRing(t, WriterOptions{})
			for _, end := range []func(*Reader, func()){
				func(_ *Reader, cancel func()) { cancel() },
				func(r *Reader, _ func()) { r.Close() },
			} {
				var wg sync.WaitGroup
				for range c.readers {
					r := NewReader(waits, nil, ReaderOptions{Spin: -1})
					h.connect(r, LinkRequest{})
					h.addIdleLinks(r, c.idle)
					ctx, cancel := context.WithCancel(t.Context())
					asleep := make(chan struct{})
					wg.Go(func() {
						defer cancel()
						close(asleep)
						if _, err := r.Receive(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, os.ErrClosed) {
							t.Errorf("got %v", err)
						}
					})
					<-asleep
					time.AfterFunc(3*time.Millisecond, func() { end(r, cancel) })
				}
				wg.Wait()
			}
		})
	}
}
