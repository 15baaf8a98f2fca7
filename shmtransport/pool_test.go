package shmtransport

import (
	"errors"
	"testing"
)

// Memory at its limit: samples leave the ring only if that gives a slot.
func TestSamplesThatReadersHoldAreNotTakenBackInVain(t *testing.T) {
	const size = 1 << 20
	h := newHeapRing(t, WriterOptions{Depth: 4, MemoryLimit: 4 * (size + size/8)})
	holder := h.reader(LinkRequest{}, ReaderOptions{})
	other := h.reader(LinkRequest{}, ReaderOptions{})
	payload := make([]byte, size)
	var held []Sample
	for range 4 {
		if _, err := h.w.Publish(t.Context(), payload); err != nil {
			t.Fatal(err)
		}
		s, ok, err := holder.TryReceive()
		if !ok || err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
	}
	var full *NoSpaceError
	if _, err := h.w.Publish(t.Context(), payload); !errors.As(err, &full) {
		t.Fatalf("got %v, want a *NoSpaceError", err)
	}
	for i := range 4 {
		s, ok, err := other.TryReceive()
		if !ok || err != nil || s.Lost() != 0 {
			t.Fatalf("sample %d: taken %t after %d lost, %v; nothing was published in its place", i, ok, s.Lost(), err)
		}
		s.Release()
	}
	for _, s := range held {
		s.Release()
	}
	if _, err := h.w.Publish(t.Context(), payload); err != nil {
		t.Fatalf("after release: %v", err)
	}
}
