package shmtransport

import (
	"errors"
	"math"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
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

// anySize is a store without memory.
type anySize struct {
	store
	grown []int64
}

func (s *anySize) grow(n int64) (int64, []byte, error) {
	s.grown = append(s.grown, n)
	return 4096, nil, nil
}

// A limit may exceed what an int holds where ints are short; an arena may not.
func TestAnArenaIsNoLargerThanAnInt(t *testing.T) {
	const size = 200 << 20
	s := new(anySize)
	p := &pool{store: s, table: mem.Alloc(MaxArenas * arenaEntrySize), limit: 8 << 30, depth: 16}
	if err := p.add(slotSizeFor(size), 20); err != nil {
		t.Fatal(err)
	}
	if s.grown[0] > math.MaxInt || s.grown[0] < int64(p.total)*size || p.total == 0 {
		t.Errorf("an arena of %d slots has %d bytes", p.total, s.grown[0])
	}
}

func TestALargePayloadFindsASlotThatIsFree(t *testing.T) {
	n := int(largestPayload)
	p := &pool{store: new(anySize), table: mem.Alloc(MaxArenas * arenaEntrySize), limit: math.MaxInt64, depth: 1}
	if err := p.add(slotSizeFor(n), 1); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.take(n-n/8, false); !ok {
		t.Error("it was taken for too large")
	}
}
