package shmtransport

import (
	"context"
	"encoding/binary"
	"errors"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
	"math"
	"runtime"
	"slices"
	"testing"
)

// A publisher rewrites the only two entries of its ring as fast as it can. What a reader copies out of them meanwhile,
// with its stamp, is of one sample.
func TestEntry_CopyIsOfOneSampleHammer(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 2})
	r := h.reader(LinkRequest{}, ReaderOptions{MaxHeld: 2})
	l := (*r.links.Load())[0]
	entries := &h.w.ring
	last := uint64(3_000_000 / slowdown)
	done := make(chan struct{})
	go func() {
		defer close(done)
		payload := make([]byte, ring.SmallPayload)
		for seq := uint64(1); seq <= last; seq++ {
			n := ring.SmallPayload - int(seq%3)*32
			for i := 0; i+8 <= n; i += 8 {
				binary.NativeEndian.PutUint64(payload[i:], seq)
			}
			entries.Fill(seq, payload[:n])
			entries.Store(seq, int64(seq), n)
			h.w.head.Store(seq)
			if seq%64 == 0 {
				runtime.Gosched()
			}
		}
	}()
	if o, _ := l.beginIfReady(); !o {
		t.Fatal("not connected")
	}
	got, lost := 0, uint64(0)
	var s Sample
	for l.cursor <= last {
		o, err := l.take(&s, 0)
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
		if len(b) != ring.SmallPayload-int(s.sequence%3)*32 || s.stamp != int64(s.sequence) {
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
func TestEntry_InterruptedWrite(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for _, p := range []string{"1", "2", "3", "4"} {
		h.publish(p)
	}
	h.w.ring.Fill(5, []byte("5"))
	r.ParticipantExited(h.w.ID().Participant)
	expect(t, r, "2", 1)
	expect(t, r, "3", 0)
	expect(t, r, "4", 0)
	expectNothing(t, r)
	if n := len(*r.links.Load()); n != 0 {
		t.Errorf("%d links after the last sample", n)
	}
}

// An entry holds no sample while it is written. In a ring of one entry that would leave no sample at all, for good if
// the publisher dies.
func TestEntry_DepthOneUsesSlots(t *testing.T) {
	h := newEntryRing(t, WriterOptions{Depth: 1})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for _, p := range []string{"1", "", "2"} {
		h.publish(p)
		if slot := h.w.ring.Word(h.w.seq).Load() & ring.SlotMask; slot >= ring.InEntry {
			t.Errorf("%q is in the only entry", p)
		}
		expect(t, r, p, 0)
	}
}

func TestEntry_CopiesOutlivePublisher(t *testing.T) {
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
	if n := r.Stats().Held; n != 4 {
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

// Small and large samples alternate in the same entries, and a reader takes them in every way.
func TestEntry_SmallAndLargeSamplesHammer(t *testing.T) {
	for _, depth := range []int{1, 2, 4} {
		h := newEntryRing(t, WriterOptions{Depth: depth})
		r := h.reader(LinkRequest{}, ReaderOptions{MaxHeld: 8})
		last := uint64(400_000 / slowdown)
		published := make(chan error, 1)
		go func() {
			buf := make([]byte, 300)
			batch := make([][]byte, 3)
			size := func(seq uint64) int { return 8 + int(seq*2654435761>>7%200) }
			for seq := uint64(1); seq <= last; {
				if seq%5 != 0 {
					fillTagged(buf[:size(seq)], seq)
					if _, err := h.w.Publish(t.Context(), buf[:size(seq)]); err != nil {
						published <- err
						return
					}
					seq++
				} else {
					for i := range batch {
						batch[i] = make([]byte, size(seq))
						fillTagged(batch[i], seq)
						seq++
					}
					if _, err := h.w.PublishBatch(t.Context(), batch); err != nil {
						published <- err
						return
					}
				}
				if seq%64 < 3 {
					runtime.Gosched()
				}
			}
			h.w.Close()
			published <- nil
		}()
		var at, got, lost, again uint64 // at: all up to here were received, lost or skipped
		var passed uint64
		check := func(s Sample) {
			t.Helper()
			if err := checkTagged(s.Payload()); err != nil {
				t.Fatalf("sample %d: %v", s.Sequence(), err)
			}
			if n := binary.LittleEndian.Uint64(s.Payload()); n != s.Sequence() {
				t.Fatalf("sample %d has the bytes of %d", s.Sequence(), n)
			}
		}
		take := func(s Sample) {
			t.Helper()
			check(s)
			if s.Sequence() != at+1+s.Lost() {
				t.Fatalf("sample %d after %d with %d lost", s.Sequence(), at, s.Lost())
			}
			at = s.Sequence()
			got++
			lost += s.Lost()
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		var held []Sample
		buf := make([]Sample, 3)
		for i := 0; r.Stats().Publishers > 0; i++ {
			if i%64 == 0 {
				runtime.Gosched() // on one processor the publisher would wait for the end of a time slice
			}
			switch i % 3 {
			case 0:
				s, ok, err := tryReceive(r)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					take(s)
					held = append(held, s)
				}
			case 1:
				n, err := r.ReceiveBatch(cancelled, buf)
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				for _, s := range buf[:n] {
					take(s)
				}
				held = append(held, buf[:n]...)
			case 2:
				var s Sample
				ok, err := r.Latest(&s)
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					if at > 0 {
						t.Fatalf("depth %d: there is no latest after %d", depth, at)
					}
					break
				}
				check(s)
				switch {
				case s.Sequence() < at:
					t.Fatalf("the latest is %d after %d", s.Sequence(), at)
				case s.Sequence() == at:
					again++
				default:
					passed += s.Sequence() - at - 1 - s.Lost()
					lost += s.Lost()
					got++
					at = s.Sequence()
				}
				held = append(held, s)
			}
			for len(held) > 2 {
				k := i % len(held)
				check(held[k])
				held[k].Release()
				held = slices.Delete(held, k, k+1)
			}
		}
		if err := <-published; err != nil {
			t.Fatal(err)
		}
		for _, s := range held {
			check(s)
			s.Release()
		}
		f := r.Stats()
		if f.Messages != got || f.Lost+passed+got != h.w.Sequence() {
			t.Errorf("depth %d: figures say %d received and %d lost; %d received, %d passed over of %d", depth, f.Messages, f.Lost, got, passed, h.w.Sequence())
		}
		t.Logf("depth %d: %d received, %d lost, %d passed over, %d again", depth, got, lost, passed, again)
	}
}

func TestSample_PrefetchAnywhere(t *testing.T) {
	h := newHeapRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	h.publish(string(make([]byte, 5000)))
	s, ok, err := tryReceive(r)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	prefetch := func(s Sample) {
		for _, off := range []int{-1, 0, 4999, 5000, 5001, math.MaxInt, math.MinInt} {
			for _, n := range []int{-1, 0, 1, 64, 5000, math.MaxInt, math.MinInt} {
				s.Prefetch(off, n)
			}
		}
	}
	prefetch(s)
	prefetch(Sample{})
	s.Release()
	prefetch(s)
	r.Close()
	prefetch(s)
}
