package shmtransport

import (
	"encoding/binary"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
)

// A publisher replaces the word of a sample and rewrites its slot unless it sees a mark, at any moment of a take. A
// sample that was taken must never change.
func TestMark_KeepsSlotHammer(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{MaxHeld: 1})
	h.publish("12345678")
	expect(t, r, "12345678", 0)
	l := (*r.links.Load())[0]
	const id = 3 // a slot of the only arena that is not in use
	slot := h.w.slot(id)
	payload := slot[slotHeaderSize : slotHeaderSize+8]

	var begun, ended atomic.Uint64
	first, last := l.cursor, l.cursor+400_000/slowdown
	go func() {
		for seq := first; seq != last; seq++ {
			for begun.Load() != seq {
				runtime.Gosched()
			}
			pause(rand.IntN(80))
			l.ring.Word(seq).Store(ring.Word(seq+4, id+1))
			if l.marks[0].Load() == 0 {
				binary.NativeEndian.PutUint64(payload, 0)
			}
			ended.Store(seq)
		}
	}()
	got := 0
	for seq := first; seq != last; seq++ {
		l.cursor = seq
		binary.NativeEndian.PutUint64(slot[slotOffSequence:], seq)
		binary.NativeEndian.PutUint64(slot[slotOffLength:], 8)
		binary.NativeEndian.PutUint64(payload, seq)
		l.ring.Word(seq).Store(ring.Word(seq, id))
		begun.Store(seq)
		pause(rand.IntN(80))
		var s Sample
		o, _ := l.take(&s, 0)
		for ended.Load() != seq {
			runtime.Gosched()
		}
		// A take that came too late may have found the next lap, which was never written.
		if o != taken || s.sequence != seq {
			s.Release()
			continue
		}
		got++
		if n := binary.NativeEndian.Uint64(s.Payload()); n != seq {
			t.Fatalf("sample %d became %d", seq, n)
		}
		s.Release()
	}
	t.Logf("%d were taken in time", got)
}

// pause takes some nanoseconds for each of n.
func pause(n int) {
	var x atomic.Uint32
	for range n {
		x.Load()
	}
}
