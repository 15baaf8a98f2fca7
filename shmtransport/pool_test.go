package shmtransport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
)

// At the memory limit samples leave the ring only if that gives a slot.
func TestPool_HeldSamplesAreNotWithdrawn(t *testing.T) {
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
		s, ok, err := tryReceive(holder)
		if !ok || err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
	}
	var full *NoSlotError
	if _, err := h.w.Publish(t.Context(), payload); !errors.As(err, &full) {
		t.Fatalf("got %v, want a *NoSlotError", err)
	}
	for i := range 4 {
		s, ok, err := tryReceive(other)
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

// A limit may exceed the largest int where ints are short. An arena may not.
func TestPool_ArenaSizeFitsInt(t *testing.T) {
	const size = 200 << 20
	s := new(anySize)
	p := &pool{store: s, table: mem.Alloc(MaxArenas * arenaEntrySize), limit: 8 << 30, depth: 16}
	if err := p.addArena(slotSizeFor(size), 20, false); err != nil {
		t.Fatal(err)
	}
	if s.grown[0] > math.MaxInt || s.grown[0] < int64(p.total)*size || p.total == 0 {
		t.Errorf("an arena of %d slots has %d bytes", p.total, s.grown[0])
	}
}

func TestPool_LargestPayloadFindsFreeSlot(t *testing.T) {
	n := int(largestPayload)
	p := &pool{store: new(anySize), table: mem.Alloc(MaxArenas * arenaEntrySize), limit: math.MaxInt64, depth: 1}
	if err := p.addArena(slotSizeFor(n), 1, false); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.alloc(n-n/8, false); !ok {
		t.Error("the slot counts as too large")
	}
}

// The map of a driving robot grows and needs ever larger slots. Slots that have become too small must not prevent the
// next ones.
func TestPool_GrowingPayloadsWithinLimit(t *testing.T) {
	const largest = 2 << 20
	for _, depth := range []int{1, 8, 64} {
		for _, slowly := range []int{5, 100, 1000} {
			t.Run(fmt.Sprintf("depth %d, by a part in %d", depth, slowly), func(t *testing.T) {
				h := newHeapRing(t, WriterOptions{Depth: depth, MemoryLimit: 16 << 20})
				r := h.reader(LinkRequest{}, ReaderOptions{})
				other := h.reader(LinkRequest{}, ReaderOptions{}) // receives at the end only
				published := uint64(0)
				for n := 100; n < largest; n += 1 + n/slowly {
					l, err := h.w.Loan(t.Context(), n)
					if err != nil {
						t.Fatalf("after %d samples, %d bytes: %v", published, n, err)
					}
					published++
					numberPages(l.Bytes()[:n], published)
					if _, err := l.Commit(t.Context(), n); err != nil {
						t.Fatal(err)
					}
					s, ok, err := tryReceive(r)
					if !ok || err != nil || s.Lost() != 0 || len(s.Payload()) != n || !pagesHaveNumber(s.Payload(), published) {
						t.Fatalf("sample %d: %t, %d lost, %d bytes, %v", published, ok, s.Lost(), len(s.Payload()), err)
					}
					s.Release()
				}
				seen := uint64(0)
				for {
					s, ok, err := tryReceive(other)
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					seen += 1 + s.Lost()
					if !pagesHaveNumber(s.Payload(), seen) {
						t.Errorf("sample %d has the bytes of another", seen)
					}
					s.Release()
				}
				if seen != published {
					t.Errorf("%d received or lost, %d published", seen, published)
				}
				if taken := h.w.Stats().Memory; taken > 16<<20 {
					t.Errorf("%d bytes are in use", taken)
				}
			})
		}
	}
}

// numberPages writes a number to each stretch of 4 KiB and to the end of a payload. This is fast for gigabytes of
// payloads, and a mixture of two samples still shows.
func numberPages(b []byte, number uint64) {
	for at := 0; at+16 <= len(b); at += 4096 {
		binary.LittleEndian.PutUint64(b[at:], number)
	}
	binary.LittleEndian.PutUint64(b[len(b)-8:], number)
}

func pagesHaveNumber(b []byte, number uint64) bool {
	for at := 0; at+16 <= len(b); at += 4096 {
		if binary.LittleEndian.Uint64(b[at:]) != number {
			return false
		}
	}
	return binary.LittleEndian.Uint64(b[len(b)-8:]) == number
}

// The memory of smaller samples goes to a larger one, except that of held samples, and none is withdrawn without
// success.
func TestPool_LargerSampleGetsMemoryOfSmallerOnes(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 16, MemoryLimit: 8 << 20})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	small, large := make([]byte, 700<<10), make([]byte, 3<<20)
	for range 10 {
		if _, err := h.w.Publish(t.Context(), small); err != nil {
			t.Fatal(err)
		}
	}
	var held []Sample
	for range 10 {
		s, ok, err := tryReceive(r)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			held = append(held, s)
		}
	}
	late := h.reader(LinkRequest{History: 10}, ReaderOptions{})
	var full *NoSlotError
	if _, err := h.w.Publish(t.Context(), large); !errors.As(err, &full) {
		t.Fatalf("with everything held: %v", err)
	}
	s, ok, err := tryReceive(late)
	if !ok || err != nil || s.Sequence() != held[0].Sequence() {
		t.Fatalf("samples were withdrawn without success: %t, %v, the next is %d", ok, err, s.Sequence())
	}
	s.Release()
	keep := held[len(held)-1]
	for _, s := range held[:len(held)-1] {
		s.Release()
	}
	if _, err := h.w.Publish(t.Context(), large); err != nil {
		t.Fatal(err)
	}
	if string(keep.Payload()) != string(small) {
		t.Error("a sample that is held changed")
	}
	keep.Release()
	for range 20 {
		for _, b := range [][]byte{small, large, small[:100]} {
			if _, err := h.w.Publish(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// scarceStore has room for at most one more slot each time.
type scarceStore struct {
	heapStore
	scarce bool
	slot   int64
}

func (s *scarceStore) grow(n int64) (int64, []byte, error) {
	if s.scarce && n > s.slot {
		return 0, nil, &errdefs.SpaceError{Path: "heap", Needed: n, Available: s.slot}
	}
	return s.heapStore.grow(n)
}

func TestPool_IntermittentSpaceKeepsGrowthSteps(t *testing.T) {
	s := &scarceStore{}
	w, err := newWriter(s, PublisherID{1, 1}, must(WriterOptions{Depth: 16}.withDefaults()))
	if err != nil {
		t.Fatal(err)
	}
	s.scarce = true
	payload := make([]byte, 4<<20)
	for i := range 20000 {
		n := 200 + i*7919%(1<<(9+i%14)-200)
		s.slot = roundToPage(int64(slotSizeFor(n) + slotHeaderSize))
		if i%3 == 0 {
			s.slot = 0
		}
		var full *NoSlotError
		if _, err := w.Publish(t.Context(), payload[:n]); err != nil && !errors.As(err, &full) {
			t.Fatalf("sample %d of %d bytes: %v", i, n, err)
		}
	}
	t.Logf("%d steps of %d", len(w.pool.arenas), MaxArenas)
	s.scarce = false
	for n := 200; n <= len(payload); n += n / 3 {
		for range 40 {
			if _, err := w.Publish(t.Context(), payload[:n]); err != nil {
				t.Fatalf("with room, %d bytes: %v", n, err)
			}
		}
		slots := 0
		for _, a := range w.pool.arenas {
			if a.slotSize >= n {
				slots += a.slots
			}
		}
		if slots < 16 {
			t.Errorf("with room there are %d slots for %d bytes, in %d steps", slots, n, len(w.pool.arenas))
		}
	}
	t.Logf("%d steps of %d", len(w.pool.arenas), MaxArenas)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
