package shmtransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/stats"
)

func TestRing_Order(t *testing.T) { inSlotsAndEntries(t, testRing_Order) }

func testRing_Order(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range 10 {
		h.publish(fmt.Sprint(i))
	}
	for i := range 10 {
		expect(t, r, fmt.Sprint(i), 0)
	}
	expectNothing(t, r)
}

func TestRing_SlowReaderCountsLosses(t *testing.T) {
	inSlotsAndEntries(t, testRing_SlowReaderCountsLosses)
}

func testRing_SlowReaderCountsLosses(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for i := range 10 {
		h.publish(fmt.Sprint(i))
	}
	expect(t, r, "6", 6)
	for i := 7; i < 10; i++ {
		expect(t, r, fmt.Sprint(i), 0)
	}
	expectNothing(t, r)
}

func TestRing_HeldSampleStaysWhole(t *testing.T) {
	inSlotsAndEntries(t, testRing_HeldSampleStaysWhole)
}

func testRing_HeldSampleStaysWhole(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 2})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	h.publish("held")
	s, _, _ := tryReceive(r)
	for i := range 1000 {
		h.publish(fmt.Sprint("other ", i))
	}
	if string(s.Payload()) != "held" {
		t.Fatalf("the held sample now reads %q", s.Payload())
	}
	s.Release()
	if s.Payload() != nil {
		t.Fatal("a released sample still gives its bytes")
	}
	s.Release()
	expect(t, r, "other 998", 998)
}

func TestRing_GrowingPayloads(t *testing.T) { inSlotsAndEntries(t, testRing_GrowingPayloads) }

func testRing_GrowingPayloads(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 32})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	var sizes []int
	for n := 0; n < 3<<20; n = n*2 + 1 {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(n)
		}
		if _, err := h.w.Publish(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range sizes {
		s, ok, err := tryReceive(r)
		if !ok || err != nil || len(s.Payload()) != n || s.Lost() != 0 {
			t.Fatalf("size %d: got %d bytes, %d lost, %v", n, len(s.Payload()), s.Lost(), err)
		}
		for _, c := range s.Payload() {
			if c != byte(n) {
				t.Fatalf("size %d: wrong bytes", n)
			}
		}
		s.Release()
	}
}

func TestRing_HistoryOfLateReaders(t *testing.T) {
	inSlotsAndEntries(t, testRing_HistoryOfLateReaders)
}

func testRing_HistoryOfLateReaders(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 4})
	for i := range 6 {
		h.publish(fmt.Sprint(i))
	}
	expectNothing(t, h.reader(LinkRequest{}, ReaderOptions{}))
	expect(t, h.reader(LinkRequest{History: 1}, ReaderOptions{}), "5", 0)
	expect(t, h.reader(LinkRequest{History: 3}, ReaderOptions{}), "3", 0)
	expect(t, h.reader(LinkRequest{History: 100}, ReaderOptions{}), "2", 0)
	expect(t, h.reader(LinkRequest{History: historyAll}, ReaderOptions{}), "2", 2)
}

func TestRing_LosslessReaders(t *testing.T) {
	inSlotsAndEntries(t, testRing_LosslessReaders)
}

func testRing_LosslessReaders(t *testing.T, newRing ringMaker) {
	const messages = 20_000 / slowdown
	h := newRing(t, WriterOptions{Depth: 8})
	readers := []*Reader{
		h.reader(LinkRequest{Lossless: true}, ReaderOptions{}),
		h.reader(LinkRequest{Lossless: true}, ReaderOptions{Spin: -1}),
	}
	var wg sync.WaitGroup
	for _, r := range readers {
		wg.Go(func() {
			for want := range uint64(messages) {
				s, err := r.Receive(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if got := binary.LittleEndian.Uint64(s.Payload()); got != want || s.Lost() != 0 {
					t.Errorf("got %d after %d lost, want %d", got, s.Lost(), want)
					return
				}
				s.Release()
			}
		})
	}
	var b [8]byte
	for i := range uint64(messages) {
		binary.LittleEndian.PutUint64(b[:], i)
		if _, err := h.w.Publish(t.Context(), b[:]); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

func TestPublish_ContextEndsWait(t *testing.T) {
	inSlotsAndEntries(t, testPublish_ContextEndsWait)
}

func testPublish_ContextEndsWait(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 2})
	r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
	h.publish("a")
	h.publish("b")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := h.w.Publish(ctx, []byte("c")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	expect(t, r, "a", 0)
	h.publish("d")
	expect(t, r, "b", 0)
	expect(t, r, "d", 0)
}

func TestPublish_LosslessTimeout(t *testing.T) {
	inSlotsAndEntries(t, testPublish_LosslessTimeout)
}

func testPublish_LosslessTimeout(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 2})
	r := h.reader(LinkRequest{Lossless: true, Timeout: time.Millisecond}, ReaderOptions{})
	for i := range 100 {
		h.publish(fmt.Sprint(i))
	}
	expect(t, r, "98", 98)
	expect(t, r, "99", 0)
}

func TestRing_ReceivedPlusLostHammer(t *testing.T) {
	inSlotsAndEntries(t, testRing_ReceivedPlusLostHammer)
}

func testRing_ReceivedPlusLostHammer(t *testing.T, newRing ringMaker) {
	const messages = 50_000 / slowdown
	h := newRing(t, WriterOptions{Depth: 16})
	var wg sync.WaitGroup
	for k := range 4 {
		r := h.reader(LinkRequest{}, ReaderOptions{})
		wg.Go(func() {
			var received, lost, last uint64
			for {
				s, err := r.Receive(t.Context())
				if errors.Is(err, os.ErrClosed) {
					break
				}
				if err != nil {
					t.Error(err)
					return
				}
				n := binary.LittleEndian.Uint64(s.Payload())
				for _, c := range s.Payload()[8:] {
					if c != byte(n) {
						t.Errorf("torn sample %d", n)
						return
					}
				}
				if n != s.Sequence() || n != last+1+s.Lost() {
					t.Errorf("sample %d (sequence %d) after %d with %d lost", n, s.Sequence(), last, s.Lost())
				}
				last = n
				received++
				lost += s.Lost()
				s.Release()
				if n == messages {
					break
				}
			}
			if received+lost != messages {
				t.Errorf("reader %d: %d received + %d lost, %d published", k, received, lost, messages)
			}
		})
	}
	b := make([]byte, 200)
	for n := uint64(1); n <= messages; n++ {
		binary.LittleEndian.PutUint64(b, n)
		for i := range b[8:] {
			b[8+i] = byte(n)
		}
		if _, err := h.w.Publish(t.Context(), b[:8+n%190]); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

func TestPool_FullWithdrawsOldestSamples(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 8, MemoryLimit: 4 << 20})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	big := make([]byte, 1<<20-4096)
	for i := range 5 {
		big[0] = byte(i)
		if _, err := h.w.Publish(t.Context(), big); err != nil {
			t.Fatalf("publish %d: %v", i, err)
		}
	}
	var held []Sample
	for {
		s, ok, err := tryReceive(r)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		held = append(held, s)
	}
	var total uint64
	for _, s := range held {
		total += 1 + s.Lost()
	}
	if total != 5 {
		t.Fatalf("%d received and lost, 5 published", total)
	}
	var full *NoSlotError
	for range 8 {
		_, err := h.w.Publish(t.Context(), big)
		if errors.As(err, &full) {
			break
		}
		if s, ok, _ := tryReceive(r); ok {
			held = append(held, s)
		}
	}
	if full == nil || full.Limit != 4<<20 {
		t.Fatalf("got %+v, want a *NoSlotError with the limit", full)
	}
	for _, s := range held {
		s.Release()
	}
	if _, err := h.w.Publish(t.Context(), big); err != nil {
		t.Fatalf("after release: %v", err)
	}
}

func TestRing_WithdrawnSamplesAreSkipped(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 64, MemoryLimit: 1 << 20})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	for range 200 {
		h.publish(string(make([]byte, 60_000)))
	}
	s, ok, err := tryReceive(r)
	if !ok || err != nil || s.Sequence() != s.Lost()+1 {
		t.Fatalf("sample %d after %d lost: %v, %v", s.Sequence(), s.Lost(), ok, err)
	}
	s.Release()
}

func TestLoan_CommitAndDiscard(t *testing.T) {
	inSlotsAndEntries(t, testLoan_CommitAndDiscard)
}

func testLoan_CommitAndDiscard(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	a, err := h.w.Loan(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.w.Loan(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	copy(a.Bytes(), "first")
	copy(b.Bytes(), "second"[:5])
	expectNothing(t, r)
	b.Discard()
	if n, err := a.Commit(t.Context(), 4); n != 1 || err != nil {
		t.Fatalf("reached %d, %v", n, err)
	}
	expect(t, r, "firs", 0)
	expectNothing(t, r)
}

func TestLoan_WriteAt(t *testing.T) {
	inSlotsAndEntries(t, func(t *testing.T, newRing ringMaker) {
		h := newRing(t, WriterOptions{})
		r := h.reader(LinkRequest{}, ReaderOptions{})
		l, err := h.w.Loan(t.Context(), 8)
		if err != nil {
			t.Fatal(err)
		}
		end := int64(len(l.Bytes()))
		for _, tc := range []struct {
			p    string
			off  int64
			fits bool
		}{{"front", 0, true}, {"of", 5, true}, {"", end, true}, {"x", end - 1, true}, {"xy", end - 1, false}, {"x", end, false}, {"x", math.MaxInt64, false}} {
			n, err := l.WriteAt([]byte(tc.p), tc.off)
			if tc.fits && (n != len(tc.p) || err != nil) || !tc.fits && (n != 0 || !errors.As(err, new(*TooLargeError))) {
				t.Errorf("%q at %d: %d, %v", tc.p, tc.off, n, err)
			}
		}
		if n, err := l.WriteAt([]byte("x"), -1); n != 0 || err == nil {
			t.Errorf("a negative offset: %d, %v", n, err)
		}
		if _, err := l.Commit(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		expect(t, r, "frontof", 0)
		if _, err := (Loan{}).WriteAt([]byte("x"), 0); !errors.As(err, new(*TooLargeError)) {
			t.Errorf("the zero loan: %v", err)
		}
	})
}

func TestLoan_EndsOnce(t *testing.T) { inSlotsAndEntries(t, testLoan_EndsOnce) }

func testLoan_EndsOnce(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	a, err := h.w.Loan(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	copy(a.Bytes(), "a")
	if _, err := a.Commit(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	end := func(l Loan) {
		t.Helper()
		if _, err := l.Commit(t.Context(), 1); !errors.Is(err, ErrLoanEnded) {
			t.Fatalf("a second end: %v", err)
		}
		l.Discard()
	}
	end(a)
	b, err := h.w.Loan(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	b.Discard()
	end(b)
	c, err := h.w.Loan(t.Context(), 10) // the slot that was b's
	if err != nil || c.id != b.id {
		t.Fatal(c.id, b.id, err)
	}
	end(b)
	copy(c.Bytes(), "c")
	if _, err := c.Commit(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	expect(t, r, "a", 0)
	expect(t, r, "c", 0)
	expectNothing(t, r)
}

// A slot may be reused under a reader whose marks are not respected, so a reader without admission reads only a ring
// that does not change any more.
func TestLink_NoSampleBeforeAdmission(t *testing.T) {
	inSlotsAndEntries(t, testLink_NoSampleBeforeAdmission)
}

func testLink_NoSampleBeforeAdmission(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{})
	l, err := openLink(h.store, h.w.ID())
	if err != nil {
		t.Fatal(err)
	}
	l.attach(mem.Alloc(linkPageSize), 8)
	l.readerID, l.history = 9, 1
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	defer r.Close()
	r.addLink(l, func() {})
	h.publish("a")
	h.publish("b")
	r.Prune()
	r.ParticipantExited(h.w.ID().Participant + 1)
	expectNothing(t, r)
	r.ParticipantExited(h.w.ID().Participant)
	expect(t, r, "b", 0)
	expectNothing(t, r)
}

func TestReader_ClosedPublisher(t *testing.T) {
	inSlotsAndEntries(t, testReader_ClosedPublisher)
}

func testReader_ClosedPublisher(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{})
	var ended []PublisherID
	r := h.reader(LinkRequest{}, ReaderOptions{Ended: func(id PublisherID) { ended = append(ended, id) }})
	h.publish("a")
	h.publish("b")
	h.w.Close()
	if _, err := h.w.Publish(t.Context(), nil); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("publish after close: %v", err)
	}
	expect(t, r, "a", 0)
	expect(t, r, "b", 0)
	expectNothing(t, r)
	if len(ended) != 1 || ended[0] != h.w.ID() {
		t.Fatalf("ended: %v", ended)
	}
}

func TestRing_NoAllocations(t *testing.T) {
	inSlotsAndEntries(t, testRing_NoAllocations)
}

func testRing_NoAllocations(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	payload := []byte("payload")
	ctx := t.Context()
	step := func() {
		if _, err := h.w.Publish(ctx, payload); err != nil {
			t.Fatal(err)
		}
		s, err := r.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	allocatesNothing(t, 1000, step)
}

// allocatesNothing fails if a step allocates. It makes 100 steps first, then runs of so many steps. All allocations of
// the process count; fewer than one for each run are tolerated, because another goroutine may make them.
func allocatesNothing(t *testing.T, times int, step func()) {
	t.Helper()
	for range 100 {
		step()
	}
	n := testing.AllocsPerRun(5, func() {
		for range times {
			step()
		}
	})
	if n != 0 {
		t.Errorf("%v allocations in %d steps", n, times)
	}
}

func TestStats_Counts(t *testing.T) {
	h := newHeapRing(t, WriterOptions{Depth: 4})
	block := mem.Alloc(stats.Size)
	h.w.SetStats(block)
	sub := mem.Alloc(stats.Size)
	r := NewReader(new(ReaderSet), sub, ReaderOptions{})
	h.connect(r, LinkRequest{})
	for range 10 {
		h.publish("12345")
	}
	s, _, _ := tryReceive(r)
	p, q := stats.ReadPublisher(block), r.Stats()
	if p.Messages != 10 || p.Bytes != 50 || p.LastSize != 5 || p.Subscribers != 1 || p.LastStamp == 0 || p.Memory == 0 {
		t.Errorf("publisher: %+v", p)
	}
	if q.Messages != 1 || q.Lost != 6 || q.Held != 1 || q.Lag != 3 || q.Publishers != 1 {
		t.Errorf("subscription: %+v", q)
	}
	s.Release()
}

func BenchmarkPublish(b *testing.B) {
	h := newEntryRing(b, WriterOptions{})
	payload := make([]byte, 64)
	for b.Loop() {
		h.w.Publish(b.Context(), payload)
	}
}

func BenchmarkPublishTake(b *testing.B) {
	h := newEntryRing(b, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	payload := make([]byte, 64)
	for b.Loop() {
		h.w.Publish(b.Context(), payload)
		s, _, _ := tryReceive(r)
		s.Release()
	}
}

func TestReader_OrderWhilePublishersEnd(t *testing.T) {
	inSlotsAndEntries(t, testReader_OrderWhilePublishersEnd)
}

func testReader_OrderWhilePublishersEnd(t *testing.T, newRing ringMaker) {
	const n = 6
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	var rings []*heapRing
	for i := range n {
		h := newRing(t, WriterOptions{})
		h.connect(r, LinkRequest{})
		h.publish(fmt.Sprint(i))
		rings = append(rings, h)
	}
	for _, h := range rings {
		h.w.Close()
	}
	for i := range n {
		expect(t, r, fmt.Sprint(i), 0)
		r.Prune() // as when the registry learns of the end
	}
	expectNothing(t, r)
}

func TestLoan_EndAfterFailure(t *testing.T) {
	inSlotsAndEntries(t, testLoan_EndAfterFailure)
}

func testLoan_EndAfterFailure(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{MaxPayload: 10})
	l, err := h.w.Loan(t.Context(), 11)
	if !errors.As(err, new(*TooLargeError)) {
		t.Fatal(err)
	}
	l.Discard()
	if _, err := l.Commit(t.Context(), 0); !errors.Is(err, ErrLoanEnded) {
		t.Error(err)
	}
}
