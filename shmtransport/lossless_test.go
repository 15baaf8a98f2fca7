package shmtransport

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"
)

// boundedContext returns a context with a bound that no passing test reaches. It turns a publish that would wait for
// ever into a failure.
func boundedContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// expectWait fails unless a publish now would wait for a lossless subscription.
func (h *heapRing) expectWait() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	cancel()
	if n, err := h.w.Publish(ctx, []byte("overrun")); !errors.Is(err, context.Canceled) {
		h.t.Fatalf("publish did not wait for a lossless subscription: reached %d, %v", n, err)
	}
}

func TestPublish_WaitsForLosslessReaderThatCaughtUp(t *testing.T) {
	inSlotsAndEntries(t, testPublish_WaitsForLosslessReaderThatCaughtUp)
}

func testPublish_WaitsForLosslessReaderThatCaughtUp(t *testing.T, newRing ringMaker) {
	for _, depth := range []int{1, 2, 4, 64} {
		t.Run(fmt.Sprint("depth ", depth), func(t *testing.T) {
			h := newRing(t, WriterOptions{Depth: depth})
			r := h.reader(LinkRequest{Lossless: true, Timeout: time.Millisecond}, ReaderOptions{})
			for i := range 3 * depth {
				h.publish(fmt.Sprint("overrun ", i))
			}
			drain(t, r)
			for i := range depth {
				h.publish(fmt.Sprint(i))
			}
			h.expectWait()
			for i := range depth {
				expect(t, r, fmt.Sprint(i), 0)
			}
		})
	}
}

func TestPublish_WaitsForLosslessReaderBesideSuspendedOne(t *testing.T) {
	inSlotsAndEntries(t, testPublish_WaitsForLosslessReaderBesideSuspendedOne)
}

func testPublish_WaitsForLosslessReaderBesideSuspendedOne(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 4})
	h.reader(LinkRequest{Lossless: true, Timeout: time.Nanosecond}, ReaderOptions{})
	r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
	for i := range 40 {
		h.publish(fmt.Sprint(i))
		if i >= 3 {
			expect(t, r, fmt.Sprint(i-3), 0)
		}
	}
	for range 1 {
		h.publish("last")
	}
	h.expectWait()
}

func TestPublish_IgnoresClosedLosslessReader(t *testing.T) {
	inSlotsAndEntries(t, testPublish_IgnoresClosedLosslessReader)
}

func testPublish_IgnoresClosedLosslessReader(t *testing.T, newRing ringMaker) {
	for name, held := range map[string]bool{"nothing held": false, "a sample held": true} {
		t.Run(name, func(t *testing.T) {
			h := newRing(t, WriterOptions{Depth: 2})
			r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
			h.publish("a")
			h.publish("b")
			s, ok, err := tryReceive(r)
			if !ok || err != nil {
				t.Fatal(err)
			}
			if !held {
				s.Release()
			}
			r.Close()
			for range 10 {
				if _, err := h.w.Publish(boundedContext(t), []byte("c")); err != nil {
					t.Fatal(err)
				}
			}
			if held && string(s.Payload()) != "a" {
				t.Fatalf("the held sample now reads %q", s.Payload())
			}
			s.Release()
		})
	}
}

// A publish that already sleeps must notice, too.
func TestPublish_ReaderCloseEndsWait(t *testing.T) {
	inSlotsAndEntries(t, testPublish_ReaderCloseEndsWait)
}

func testPublish_ReaderCloseEndsWait(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 2})
	r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
	h.publish("a")
	h.publish("b")
	done := make(chan error)
	ctx := boundedContext(t)
	go func() {
		_, err := h.w.Publish(ctx, []byte("c"))
		done <- err
	}()
	h.untilAsleep(1)
	r.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// untilAsleep returns when n publishes wait for a lossless subscription.
func (h *heapRing) untilAsleep(n int) {
	for h.asleep() < n {
		runtime.Gosched()
	}
}

// asleep returns the number of publishes that wait for a lossless subscription.
func (h *heapRing) asleep() int {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	return h.w.sleepers
}

// A cursor that goes back is invalid. It must not restart the publisher's wait.
func TestPublish_CursorThatGoesBack(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 2})
	r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
	cursor := (*r.links.Load())[0].cursorWord
	h.publish("a")
	h.publish("b")
	cursor.Store(3)
	h.publish("c")
	cursor.Store(1)
	if _, err := h.w.Publish(boundedContext(t), []byte("d")); err != nil {
		t.Fatal(err)
	}
	h.expectWait()
	cursor.Store(math.MaxUint64)
	h.publish("e")
}

// The timeouts of stuck readers run in parallel, so one timeout is enough for all. One after the other they would take
// a minute.
func TestPublish_TimeoutsOfStuckReadersOverlap(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 1})
	const readers, timeout = 120, 500 * time.Millisecond
	for range readers {
		h.reader(LinkRequest{Lossless: true, Timeout: timeout}, ReaderOptions{})
	}
	h.publish("a")
	ctx, cancel := context.WithTimeout(t.Context(), readers*timeout/2)
	defer cancel()
	if _, err := h.w.Publish(ctx, []byte("b")); err != nil {
		t.Fatal(err)
	}
}

// On a machine that was suspended the reader did not run either.
func TestPublish_SuspendedMachine(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 1})
	h.reader(LinkRequest{Lossless: true, Timeout: time.Second}, ReaderOptions{})
	h.publish("a")
	w := h.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for check := range minStuckChecks + 1 {
		if w.suspendStuck(1) {
			t.Fatalf("suspended at check %d", check)
		}
		w.lastStuckCheck = w.lastStuckCheck.Add(-time.Hour)
	}
	if !w.suspendStuck(1) {
		t.Error("a reader that takes nothing for good is waited for")
	}
}

// A reader that takes nothing on purpose says so, and is waited for. Once it says so no more, its timeout runs.
func TestPublish_ResetLosslessTimeout(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 1})
	r := h.reader(LinkRequest{Lossless: true, Timeout: time.Second}, ReaderOptions{})
	h.publish("a")
	w := h.w
	w.mu.Lock()
	defer w.mu.Unlock()
	check := func() bool {
		w.lastStuckCheck = w.lastStuckCheck.Add(-time.Hour)
		return w.suspendStuck(1)
	}
	for n := range 5 * minStuckChecks {
		r.ResetTimeout()
		if check() {
			t.Fatalf("suspended at check %d", n)
		}
	}
	n := 0
	for !check() {
		n++
	}
	if n != minStuckChecks {
		t.Errorf("suspended after %d checks, want %d", n, minStuckChecks)
	}
}

// Many goroutines share a publisher. A goroutine that waits long for its turn must not suspend a slow reader.
func TestPublish_SlowLosslessReader(t *testing.T) {
	const goroutines, timeout = 40, 200 * time.Millisecond
	h := newHeapRing(t, WriterOptions{Depth: 1})
	r := h.reader(LinkRequest{Lossless: true, Timeout: timeout}, ReaderOptions{})
	h.publish("first")
	last, slowest := time.Now(), time.Duration(0)
	for range goroutines {
		go h.w.Publish(t.Context(), []byte("another"))
	}
	// Then all of them wait, unless this goroutine did not run for so long that they suspended the reader.
	for h.asleep() < goroutines && time.Since(last) < timeout {
		runtime.Gosched()
	}
	for taken := uint64(0); taken < goroutines+1; {
		time.Sleep(timeout / 20)
		s, err := r.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken += 1 + s.Lost()
		s.Release()
		slowest = max(slowest, time.Since(last))
		last = time.Now()
		// A reader whose processor was taken away for as long as the timeout may lose samples. It took the sample
		// before at any time of the interval before.
		if s.Lost() != 0 && 2*slowest < timeout {
			t.Fatalf("%d samples lost to a lossless subscription that took one every %v at least", s.Lost(), slowest)
		}
	}
}

// A publisher that never waits overwrites what a lossless reader has not taken, and still knows what that can have taken.
func TestPublish_NeverWaits(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		h := newRing(t, WriterOptions{Depth: 4, NeverWaits: true})
		r := h.reader(LinkRequest{Lossless: true, Timeout: time.Hour}, ReaderOptions{})
		other := h.reader(LinkRequest{Lossless: true, Timeout: time.Hour}, ReaderOptions{})
		for i := range 10 {
			if _, err := h.w.Publish(boundedContext(t), []byte(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		drain(t, other)
		if got := h.w.Stats().Waited; got != 0 {
			t.Errorf("%d publishes waited", got)
		}
		drain(t, r)
		if lost := r.Stats().Lost; lost == 0 {
			t.Error("the overwritten samples are not counted as lost")
		}
	})
}

// What readers of others have taken does not count for the participant of KeepFor, also when all are gone.
func TestTaken_KeepFor(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 8, KeepFor: 7})
	r := h.reader(LinkRequest{Reader: 7, Lossless: true, Timeout: time.Hour}, ReaderOptions{})
	other := h.reader(LinkRequest{Reader: 8, Lossless: true, Timeout: time.Hour}, ReaderOptions{})
	for i := range 3 {
		h.publish(fmt.Sprint(i))
	}
	expect(t, r, "0", 0)
	drain(t, other)
	h.w.RemoveReader(8)
	h.w.RemoveReader(7)
	if got := h.w.Taken(7); got != 1 {
		t.Errorf("reader 7 has taken %d, want 1", got)
	}
}

// What a reader has taken counts for its participant only, while it is there; afterwards it is not forgotten, however the reader left.
func TestTaken(t *testing.T) {
	for _, leave := range []func(w *Writer, reader uint64){
		(*Writer).RemoveReader,
		func(w *Writer, reader uint64) { w.DetachReader(reader, func() bool { return true }) },
	} {
		h := newHeapRing(t, WriterOptions{Depth: 8})
		r := h.reader(LinkRequest{Reader: 7, Lossless: true, Timeout: time.Hour}, ReaderOptions{})
		other := h.reader(LinkRequest{Reader: 8, Lossless: true, Timeout: time.Hour}, ReaderOptions{})
		h.reader(LinkRequest{Reader: 9, Lossless: true, Timeout: time.Hour}, ReaderOptions{})
		for i := range 3 {
			h.publish(fmt.Sprint(i))
		}
		for i := range 2 {
			expect(t, r, fmt.Sprint(i), 0)
		}
		drain(t, other)
		if got := h.w.Taken(9); got != 0 {
			t.Errorf("reader 9, which has not begun, has taken %d", got)
		}
		if got := h.w.Taken(7); got != 2 {
			t.Errorf("of three samples reader 7 has taken %d, want 2", got)
		}
		if got := h.w.Taken(8); got != 3 {
			t.Errorf("of three samples reader 8 has taken %d, want 3", got)
		}
		for reader, want := range map[uint64]uint64{7: 2, 8: 3, 9: 0, 10: 0} {
			if got := h.w.TakenByEvery(reader); got != want {
				t.Errorf("of three samples reader %d has certainly taken %d, want %d", reader, got, want)
			}
		}
		leave(h.w, 7)
		if got := h.w.Taken(7); got < 2 {
			t.Errorf("after it has left, reader 7 has taken %d, want 2", got)
		}
		other.Close()
		if got := h.w.TakenByEvery(8); got != 0 {
			t.Errorf("after reader 8 has closed, it has certainly taken %d, want 0: not known", got)
		}
	}
}
