package shmtransport

import (
	"encoding/binary"
	"runtime"
	"testing"
)

// A publisher rewrites the only two entries of its ring as fast as it can, and what a reader copies out of them meanwhile is of
// one sample, its stamp too.
func TestWhatIsCopiedIsOfOneSampleHammer(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 2})
	r := h.reader(LinkRequest{}, ReaderOptions{MaxHeld: 2})
	l := (*r.links.Load())[0]
	ring := &h.w.ring
	last := uint64(3_000_000 / slowdown)
	done := make(chan struct{})
	go func() {
		defer close(done)
		payload := make([]byte, smallPayload)
		for seq := uint64(1); seq <= last; seq++ {
			n := smallPayload - int(seq%3)*smallTail/2
			for i := 0; i+8 <= n; i += 8 {
				binary.NativeEndian.PutUint64(payload[i:], seq)
			}
			ring.fill(seq, payload[:n])
			ring.show(seq, int64(seq), n)
			h.w.head.Store(seq)
			if seq%64 == 0 {
				runtime.Gosched()
			}
		}
	}()
	if o, _ := l.connected(); !o {
		t.Fatal("not connected")
	}
	got, lost := 0, uint64(0)
	var s Sample
	for l.cursor <= last {
		o, err := l.take(&s)
		if err != nil {
			t.Fatal(err)
		}
		if o != taken {
			runtime.Gosched()
			continue
		}
		got++
		lost += s.lost
		b := s.Payload()
		if len(b) != smallPayload-int(s.sequence%3)*smallTail/2 || s.stamp != int64(s.sequence) {
			t.Fatalf("sample %d has %d bytes and stamp %d", s.sequence, len(b), s.stamp)
		}
		for ; len(b) >= 8; b = b[8:] {
			if n := binary.NativeEndian.Uint64(b); n != s.sequence {
				t.Fatalf("sample %d has bytes of %d", s.sequence, n)
			}
		}
		s.Release()
	}
	<-done
	if uint64(got)+lost != last {
		t.Errorf("%d taken and %d lost of %d", got, lost, last)
	}
	t.Logf("%d taken, %d lost", got, lost)
}

// A publisher that died while it wrote an entry has destroyed the sample before, and nothing else.
func TestAnEntryThatWasBeingWrittenIsOneLostSample(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for _, p := range []string{"1", "2", "3", "4"} {
		h.publish(p)
	}
	h.w.ring.fill(5, []byte("5"))
	r.Gone(h.w.ID().Participant)
	expect(t, r, "2", 1)
	expect(t, r, "3", 0)
	expect(t, r, "4", 0)
	expectNothing(t, r)
	if n := len(*r.links.Load()); n != 0 {
		t.Errorf("%d links after the last sample", n)
	}
}

func TestCopiesAreValidUntilReleasedWhateverBecomesOfThePublisher(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 2})
	r := h.reader(LinkRequest{}, ReaderOptions{MaxHeld: 4})
	var held []Sample
	for _, p := range []string{"", "1", "22", "333"} {
		h.publish(p)
		s, ok, err := tryReceive(r)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		held = append(held, s)
	}
	h.publish("one too many")
	if _, _, err := tryReceive(r); err == nil {
		t.Fatal("more samples than may be held")
	}
	if n := r.Figures().Held; n != 4 {
		t.Errorf("%d samples held", n)
	}
	h.w.Close()
	r.Close()
	for i, s := range held {
		if b := s.Payload(); b == nil || len(b) != i {
			t.Errorf("sample %d is %q", i, b)
		}
		s.Release()
		s.Release()
		if s.Payload() != nil {
			t.Errorf("sample %d is there after its release", i)
		}
	}
}
