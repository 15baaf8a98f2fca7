package shmtransport

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// publishAndClose makes a publisher that publishes payloads to r and closes, and tells the reader.
func publishAndClose(t testing.TB, r *Reader, opts WriterOptions, payloads ...string) *heapRing {
	t.Helper()
	h := newEntryRing(t, opts)
	h.connect(r, LinkRequest{Lossless: true})
	for _, payload := range payloads {
		h.publish(payload)
	}
	h.w.Close()
	r.Prune()
	return h
}

// cost is the cost of a publisher that ended with samples of the given sizes.
func cost(sizes ...int) (n int64) {
	n = endedOverhead
	for _, size := range sizes {
		n += int64(size) + sampleOverhead
	}
	return n
}

func TestReader_ManyEndedPublishers(t *testing.T) {
	const publishers = 5000
	r := NewReader(new(WaitSet), nil, ReaderOptions{EndedLimit: publishers * cost(200, 10)})
	large := strings.Repeat("-", 190)
	for i := range publishers {
		publishAndClose(t, r, WriterOptions{Depth: 2}, fmt.Sprint(large, i), fmt.Sprint(i))
		if n := len(*r.links.Load()); n != 0 {
			t.Fatalf("%d publishers that ended are among the links", n)
		}
	}
	if f := r.Stats(); f.Publishers != publishers || f.Lag != 2*publishers || r.Connected() != publishers {
		t.Errorf("%d and %d publishers, %d behind", f.Publishers, r.Connected(), f.Lag)
	}
	for i := range publishers {
		expect(t, r, fmt.Sprint(large, i), 0)
		expect(t, r, fmt.Sprint(i), 0)
	}
	expectNothing(t, r)
	if f := r.Stats(); f.Messages != 2*publishers || f.Lost != 0 || f.Dropped != 0 || f.Publishers != 0 || f.Lag != 0 || r.endedBytes != 0 {
		t.Errorf("%+v, %d bytes kept", f, r.endedBytes)
	}
}

func TestReader_EndedPublishersBeyondTheLimit(t *testing.T) {
	const publishers, kept = 100, 30
	reported := make(chan error, publishers)
	r := NewReader(new(WaitSet), nil, ReaderOptions{
		EndedLimit: kept * cost(3, 3),
		Dropped:    func(_ any, err *DroppedError) { reported <- err },
	})
	for i := range publishers {
		publishAndClose(t, r, WriterOptions{}, fmt.Sprintf("%03d", i), fmt.Sprintf("%03d", i))
		if r.endedBytes > r.opts.EndedLimit {
			t.Fatalf("%d bytes kept, limit %d", r.endedBytes, r.opts.EndedLimit)
		}
	}
	for i := publishers - kept; i < publishers; i++ {
		expect(t, r, fmt.Sprintf("%03d", i), 0)
		expect(t, r, fmt.Sprintf("%03d", i), 0)
	}
	expectNothing(t, r)
	const dropped = 2 * (publishers - kept)
	if f := r.Stats(); f.Messages != 2*kept || f.Lost != dropped || f.Dropped != dropped {
		t.Errorf("%d received, %d lost, %d dropped", f.Messages, f.Lost, f.Dropped)
	}
	for range publishers - kept {
		var err *DroppedError
		if !errors.As(<-reported, &err) || err.Samples != 2 || err.Limit != r.opts.EndedLimit || !strings.Contains(err.Error(), "MemoryLimit") {
			t.Errorf("Dropped got %v", err)
		}
	}
}

// A ring with large samples stays mapped, and counts.
func TestReader_LargeEndedRings(t *testing.T) {
	r := NewReader(new(WaitSet), nil, ReaderOptions{EndedLimit: 1})
	large := strings.Repeat("x", maxCopiedBytes)
	first := publishAndClose(t, r, WriterOptions{}, large, "first")
	if len(r.ended) != 1 || r.ended[0].kept != nil || r.endedBytes != first.store.size || r.endedBytes < maxCopiedBytes {
		t.Fatalf("%d kept, %d bytes", len(r.ended), r.endedBytes)
	}
	expect(t, r, large, 0) // though it alone is beyond the limit
	second := publishAndClose(t, r, WriterOptions{}, large, large)
	if f := r.Stats(); f.Dropped != 1 || f.Lost != 1 || r.endedBytes != second.store.size {
		t.Fatalf("%d dropped, %d lost, %d bytes", f.Dropped, f.Lost, r.endedBytes)
	}
	expect(t, r, large, 0)
	held, ok, err := tryReceive(r)
	if !ok || err != nil {
		t.Fatal(err)
	}
	expectNothing(t, r)
	if f := r.Stats(); f.Held != 1 || f.Publishers != 0 || r.endedBytes != 0 {
		t.Errorf("%d held, %d publishers, %d bytes", f.Held, f.Publishers, r.endedBytes)
	}
	if string(held.Payload()) != large {
		t.Error("a sample that is held changed")
	}
	held.Release()
}

// A publisher that ended may still write to its ring.
func TestReader_EndedRingStillWritten(t *testing.T) {
	r := NewReader(new(WaitSet), nil, ReaderOptions{})
	h := newEntryRing(t, WriterOptions{})
	h.connect(r, LinkRequest{})
	large := strings.Repeat("x", maxCopiedBytes)
	h.publish(large)
	r.ParticipantExited(h.w.ID().Participant)
	h.publish("one more")
	expect(t, r, large, 0)
	expectNothing(t, r)
	if f := r.Stats(); f.Publishers != 0 {
		t.Errorf("%d publishers", f.Publishers)
	}
}

// publishAndEnd connects the publisher to r, calls publish and closes it.
func (h *heapRing) publishAndEnd(r *Reader, publish func(h *heapRing)) {
	h.t.Helper()
	h.connect(r, LinkRequest{})
	publish(h)
	h.w.Close()
	r.Prune()
	if len(r.ended) == 0 || r.ended[0].kept == nil {
		h.t.Fatal("nothing was copied")
	}
}

func TestReader_EndedRingWithWithdrawnSamples(t *testing.T) {
	r := NewReader(new(WaitSet), nil, ReaderOptions{})
	newHeapRing(t, WriterOptions{Depth: 4}).publishAndEnd(r, func(h *heapRing) {
		for i := range 4 {
			h.publish(fmt.Sprint(i))
		}
		h.w.withdraw(2)
		h.w.withdraw(4)
	})
	expect(t, r, "0", 0)
	expect(t, r, "2", 1)
	expectNothing(t, r)
	if f := r.Stats(); f.Messages != 2 || f.Lost != 2 || f.Dropped != 0 {
		t.Errorf("%d received, %d lost, %d dropped", f.Messages, f.Lost, f.Dropped)
	}
}

func TestReader_SamplesOfEndedPublishers(t *testing.T) {
	inSlotsAndEntries(t, testReader_SamplesOfEndedPublishers)
}

func testReader_SamplesOfEndedPublishers(t *testing.T, newRing ringMaker) {
	ended := func(r *Reader, publish func(h *heapRing)) {
		t.Helper()
		newRing(t, WriterOptions{Depth: 4}).publishAndEnd(r, publish)
	}
	t.Run("after an overrun", func(t *testing.T) {
		r := NewReader(new(WaitSet), nil, ReaderOptions{})
		ended(r, func(h *heapRing) {
			for i := range 10 {
				h.publish(fmt.Sprint(i))
			}
		})
		expect(t, r, "6", 6)
		for i := 7; i < 10; i++ {
			expect(t, r, fmt.Sprint(i), 0)
		}
		expectNothing(t, r)
	})
	t.Run("while samples are held", func(t *testing.T) {
		r := NewReader(new(WaitSet), nil, ReaderOptions{MaxHeld: 2})
		var held []Sample
		take := func() {
			t.Helper()
			s, ok, err := tryReceive(r)
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			held = append(held, s)
		}
		ended(r, func(h *heapRing) {
			for i := range 4 {
				h.publish(fmt.Sprint(i))
			}
			take()
		})
		take()
		take()
		if _, _, err := tryReceive(r); !errors.As(err, new(*errdefs.LimitError)) {
			t.Fatalf("more are held than may be: %v", err)
		}
		if f := r.Stats(); f.Held != 3 {
			t.Errorf("%d held", f.Held)
		}
		for i, s := range held {
			if string(s.Payload()) != fmt.Sprint(i) {
				t.Errorf("sample %d reads %q", i, s.Payload())
			}
			s.Release()
			s.Release()
		}
		expect(t, r, "3", 0)
		expectNothing(t, r)
		if f := r.Stats(); f.Held != 0 {
			t.Errorf("%d held", f.Held)
		}
	})
	t.Run("to a batch", func(t *testing.T) {
		r := NewReader(new(WaitSet), nil, ReaderOptions{})
		for range 2 {
			ended(r, func(h *heapRing) {
				h.publish("a")
				h.publish("b")
			})
		}
		buf := make([]Sample, 10)
		n, err := r.ReceiveBatch(t.Context(), buf)
		if n != 4 || err != nil {
			t.Fatal(n, err)
		}
		for i, s := range buf[:n] {
			if string(s.Payload()) != string("abab"[i]) {
				t.Errorf("sample %d reads %q", i, s.Payload())
			}
		}
	})
	t.Run("to Latest", func(t *testing.T) {
		r := NewReader(new(WaitSet), nil, ReaderOptions{})
		for i := range 3 {
			ended(r, func(h *heapRing) {
				h.publish("older")
				h.publish(fmt.Sprint(i))
			})
		}
		latest(t, r, "2").Release()
		latest(t, r, "2").Release() // until the next prune
		expectNothing(t, r)
		if f := r.Stats(); f.Messages != 1 || f.Lost != 0 || f.Held != 0 || f.Publishers != 0 || r.endedBytes != 0 {
			t.Errorf("%d received, %d lost, %d held, %d publishers", f.Messages, f.Lost, f.Held, f.Publishers)
		}
	})
}

// Live publishers are not delayed however many samples others left.
func TestReader_EndedPublishersDoNotStarveOthers(t *testing.T) {
	r := NewReader(new(WaitSet), nil, ReaderOptions{})
	h := newEntryRing(t, WriterOptions{})
	h.connect(r, LinkRequest{})
	for i := range 3 * maxEndedRun {
		publishAndClose(t, r, WriterOptions{}, fmt.Sprint(i))
	}
	h.publish("alive")
	for i := range maxEndedRun {
		expect(t, r, fmt.Sprint(i), 0)
	}
	expect(t, r, "alive", 0)
	expect(t, r, fmt.Sprint(maxEndedRun), 0)
}
