package shmtransport

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// After each call of a reader, what is before its cursor was received, lost, stale, filtered or passed over by Latest. In the end that is
// all that was published.
func TestTimeLimits_AccountHammer(t *testing.T) {
	for _, depth := range []int{1, 2, 16} {
		for _, lossless := range []bool{false, true} {
			t.Run(fmt.Sprintf("depth %d, lossless %v", depth, lossless), func(t *testing.T) { testTimeLimits_Account(t, depth, lossless) })
		}
	}
}

func testTimeLimits_Account(t *testing.T, depth int, lossless bool) {
	h := newEntryRing(t, WriterOptions{Depth: depth})
	r := h.reader(LinkRequest{Lossless: lossless}, ReaderOptions{MaxAge: time.Minute, MinSeparation: 100 * time.Nanosecond, MaxHeld: 8})
	l := (*r.links.Load())[0]
	last := uint64(100_000 / slowdown)
	if lossless {
		last /= 10
	}
	go func() {
		buf := make([]byte, 300)
		fresh, stale := h.w.clock.Now()+int64(time.Hour), h.old()
		for seq := uint64(1); seq <= last; seq++ {
			n := 8 + rand.IntN(200)
			fillTagged(buf[:n], seq)
			if rand.IntN(3) == 0 {
				h.publishAt(stale, string(buf[:n]))
				continue
			}
			fresh += rand.Int64N(80) - 5
			h.publishAt(fresh, string(buf[:n]))
			if seq%64 == 0 {
				runtime.Gosched()
			}
		}
		h.w.Close()
	}()
	var passed, received uint64
	ctx, buf := cancelled(t), make([]Sample, 5)
	account := func() uint64 {
		f := r.Stats()
		if f.Messages != received || f.Held != 0 {
			t.Fatalf("%d received, %d held, counted are %d", received, f.Held, f.Messages)
		}
		n := f.Messages + f.Lost + f.Stale + f.Filtered + passed
		if f.Publishers > 0 {
			n += l.lost // not in the figures yet
		}
		return n
	}
	check := func(s *Sample) {
		t.Helper()
		if err := checkTagged(s.Payload()); err != nil {
			t.Fatalf("sample %d: %v", s.Sequence(), err)
		}
		if s.Stamp() < h.w.clock.Now() {
			t.Fatalf("sample %d is stale", s.Sequence())
		}
		s.Release()
	}
	at := uint64(0)
	for r.Stats().Publishers > 0 {
		switch rand.IntN(4) {
		case 0:
			if s, ok, err := tryReceive(r); err != nil {
				t.Fatal(err)
			} else if ok {
				received++
				check(&s)
			}
		case 1:
			n, _ := r.ReceiveBatch(ctx, buf[:1+rand.IntN(5)])
			for i := range buf[:n] {
				received++
				check(&buf[i])
			}
		case 2:
			if s, err := r.Receive(ctx); err == nil {
				received++
				check(&s)
			}
		case 3:
			var s Sample
			ok, err := r.Latest(&s)
			if err != nil {
				t.Fatal(err)
			}
			if ok && s.Sequence() >= at {
				received++
			}
			if ok {
				check(&s)
			}
			passed += max(l.cursor, 1) - 1 - account() // by definition
		}
		at = l.cursor
		if n := account(); n != max(at, 1)-1 {
			t.Fatalf("of %d samples %d were counted", max(at, 1)-1, n)
		}
	}
	if n := account(); n != last || l.lag() != 0 {
		t.Errorf("of %d samples %d were counted", last, n)
	}
	f := r.Stats()
	if lossless && f.Lost != 0 {
		t.Errorf("%d lost", f.Lost)
	}
	t.Logf("%d received, %d lost, %d stale, %d filtered, %d passed over", f.Messages, f.Lost, f.Stale, f.Filtered, passed)
}
