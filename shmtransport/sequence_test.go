package shmtransport

import (
	"fmt"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

func TestRing_SequenceBitsWrap(t *testing.T) {
	inSlotsAndEntries(t, testRing_SequenceBitsWrap)
}

func testRing_SequenceBitsWrap(t *testing.T, newRing ringMaker) {
	const depth = 8
	for _, first := range []uint64{1<<41 - 20, 1<<42 - 20, 1<<43 - 20, 1<<63 - 20} {
		h := newRing(t, WriterOptions{Depth: depth})
		h.w.seq = first
		mem.Set64(h.w.head, first)
		for i := range h.w.ring.Depth() { // as if everything before had been published and withdrawn
			seq := first - uint64(depth-1) + uint64(i)
			h.w.ring.Word(seq).Store(ring.Word(seq, ring.Withdrawn))
		}
		fast := h.reader(LinkRequest{}, ReaderOptions{})
		slow := h.reader(LinkRequest{}, ReaderOptions{})
		lossless := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
		for i := range 40 {
			h.publish(fmt.Sprint(i))
			expect(t, fast, fmt.Sprint(i), 0)
			expect(t, lossless, fmt.Sprint(i), 0)
			if i%20 == 19 {
				expect(t, slow, fmt.Sprint(i-depth+1), 20-depth)
				for k := depth - 2; k >= 0; k-- {
					expect(t, slow, fmt.Sprint(i-k), 0)
				}
			}
			// Links without admission find the newest by the ring when the head is behind.
			l := (*fast.links.Load())[0]
			newest := h.w.seq
			mem.Set64(h.w.head, newest-1)
			if got := l.newest(); got != newest {
				t.Fatalf("first %#x: newest is %#x, want %#x", first, got, newest)
			}
			mem.Set64(h.w.head, newest)
		}
	}
}
