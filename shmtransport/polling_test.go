package shmtransport

import (
	"testing"
)

// takeMany publishes and takes n samples, one after the other.
func takeMany(t *testing.T, h *heapRing, r *Reader, n int) {
	t.Helper()
	for range n {
		h.publish("x")
		s, ok, err := tryReceive(r)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		s.Release()
	}
}

// fences returns how many fences a publish of a small sample needs.
func fences(t *testing.T, h *heapRing) uint32 {
	t.Helper()
	before := h.w.fenceWord.Load()
	h.publish("x")
	return h.w.fenceWord.Load() - before
}

func TestPolling_SparesTheFence(t *testing.T) {
	h := newEntryRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{Spin: -1})
	link := (*r.links.Load())[0]
	if !h.w.registered || !r.canFence {
		t.Fatal("the kernel has no membarrier: Linux since 4.16 has")
	}
	if a := link.armed.Load(); a != armedAwake || fences(t, h) != 1 {
		t.Fatalf("a new reader has %d in its armed word", a)
	}
	takeMany(t, h, r, pollingAfter+latencyEvery)
	if a := link.armed.Load(); a != armedPolling || fences(t, h) != 0 {
		t.Fatalf("a polling reader has %d in its armed word", a)
	}

	for range 2 {
		drain(t, r)
		got := make(chan error)
		go func() {
			s, err := r.Receive(t.Context())
			s.Release()
			got <- err
		}()
		r.awaitArmed(0)
		h.publish("x")
		if err := <-got; err != nil {
			t.Fatal(err)
		}
		if a := link.armed.Load(); a != armedAwake || link.polling || fences(t, h) != 1 {
			t.Fatalf("a reader that slept has %d in its armed word", a)
		}
	}
}

func TestPolling_OneOfTwoReaders(t *testing.T) {
	h := newEntryRing(t, WriterOptions{})
	polling := h.reader(LinkRequest{}, ReaderOptions{})
	takeMany(t, h, polling, pollingAfter+latencyEvery)
	h.reader(LinkRequest{}, ReaderOptions{})
	if fences(t, h) != 1 {
		t.Error("a reader that may sleep at any time needs a fence")
	}
}

// A link that comes while the others are polling is awake, and polling later.
func TestPolling_NewLink(t *testing.T) {
	a, b := newEntryRing(t, WriterOptions{}), newEntryRing(t, WriterOptions{})
	r := a.reader(LinkRequest{}, ReaderOptions{})
	takeMany(t, a, r, pollingAfter+latencyEvery)
	b.connect(r, LinkRequest{})
	if fences(t, b) != 1 {
		t.Error("a new link needs a fence")
	}
	takeMany(t, a, r, 1) // the sample of fences, or that of a
	takeMany(t, a, r, pollingAfter+latencyEvery)
	if fences(t, b) != 0 {
		t.Error("the new link is not polling")
	}
}

func TestPolling_WithoutMembarrier(t *testing.T) {
	h := newEntryRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	r.canFence = false
	takeMany(t, h, r, pollingAfter+latencyEvery)
	if fences(t, h) != 1 {
		t.Error("a reader without heavy fences is polling")
	}
	r.canFence = true
	takeMany(t, h, r, pollingAfter+latencyEvery)
	if fences(t, h) != 0 {
		t.Fatal("the reader is not polling")
	}
	h.w.registered = false
	if fences(t, h) != 1 {
		t.Error("a publisher on which heavy fences do not act needs one of its own")
	}
}
