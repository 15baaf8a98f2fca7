package shmtransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
)

func texts(from, to int) (payloads [][]byte) {
	for i := from; i < to; i++ {
		payloads = append(payloads, fmt.Append(nil, i))
	}
	return payloads
}

func publishBatch(t testing.TB, w *Writer, payloads [][]byte) {
	t.Helper()
	if n, err := w.PublishBatch(t.Context(), payloads); n != len(payloads) || err != nil {
		t.Fatalf("published %d of %d: %v", n, len(payloads), err)
	}
}

func TestBatch_Order(t *testing.T) { inSlotsAndEntries(t, testBatch_Order) }

func testBatch_Order(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 64})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	publishBatch(t, h.w, texts(0, 20))
	h.publish("20")
	publishBatch(t, h.w, texts(21, 40))
	buf := make([]Sample, 16)
	next := 0
	for _, want := range []int{16, 16, 8} {
		n, err := r.ReceiveBatch(t.Context(), buf)
		if n != want || err != nil {
			t.Fatalf("%d samples, %v; want %d", n, err, want)
		}
		for _, s := range buf[:n] {
			if string(s.Payload()) != fmt.Sprint(next) || s.Sequence() != uint64(next+1) || s.Lost() != 0 {
				t.Fatalf("sample %d after %d lost is %q, want %d", s.Sequence(), s.Lost(), s.Payload(), next)
			}
			s.Release()
			next++
		}
	}
	expectNothing(t, r)
}

func TestReceiveBatch_EveryPublisher(t *testing.T) {
	inSlotsAndEntries(t, testReceiveBatch_EveryPublisher)
}

func testReceiveBatch_EveryPublisher(t *testing.T, newRing ringMaker) {
	one, other := newRing(t, WriterOptions{}), newRing(t, WriterOptions{})
	r := one.reader(LinkRequest{}, ReaderOptions{})
	other.connect(r, LinkRequest{})
	publishBatch(t, one.w, texts(0, 3))
	publishBatch(t, other.w, texts(3, 6))
	buf := make([]Sample, 10)
	n, err := r.ReceiveBatch(t.Context(), buf)
	if n != 6 || err != nil {
		t.Fatalf("%d samples, %v", n, err)
	}
	var got []string
	for _, s := range buf[:n] {
		got = append(got, string(s.Payload()))
		s.Release()
	}
	slices.Sort(got)
	if want := []string{"0", "1", "2", "3", "4", "5"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestReceiveBatch_MaxHeld(t *testing.T) { inSlotsAndEntries(t, testReceiveBatch_MaxHeld) }

func testReceiveBatch_MaxHeld(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{MaxHeld: 5})
	publishBatch(t, h.w, texts(0, 8))
	buf := make([]Sample, 16)
	n, err := r.ReceiveBatch(t.Context(), buf)
	if n != 5 || err != nil {
		t.Fatalf("%d samples, %v", n, err)
	}
	if _, err := r.ReceiveBatch(t.Context(), buf[n:]); !errors.As(err, new(*errdefs.LimitError)) {
		t.Fatalf("got %v", err)
	}
	buf[1].Release()
	buf[3].Release()
	if n, err := r.ReceiveBatch(t.Context(), buf[n:]); n != 2 || err != nil {
		t.Fatalf("%d samples, %v", n, err)
	}
}

func TestBatch_ContextAndClose(t *testing.T) {
	inSlotsAndEntries(t, testBatch_ContextAndClose)
}

func testBatch_ContextAndClose(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.ReceiveBatch(ctx, make([]Sample, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("receive: %v", err)
	}
	if n, err := h.w.PublishBatch(ctx, texts(0, 6)); n != 4 || !errors.Is(err, context.Canceled) {
		t.Errorf("published %d, %v", n, err)
	}
	h.w.Close()
	if n, err := h.w.PublishBatch(t.Context(), texts(0, 6)); n != 0 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("published %d, %v", n, err)
	}
	r.Close()
	if _, err := r.ReceiveBatch(t.Context(), make([]Sample, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("receive: %v", err)
	}
}

// fillNumbered makes a payload of which every word is its number, so that a mixture of two shows.
func fillNumbered(b []byte, number uint64) []byte {
	b = b[:8*(1+number%20)]
	for i := 0; i < len(b); i += 8 {
		binary.NativeEndian.PutUint64(b[i:], number)
	}
	return b
}

func checkNumbered(s Sample) error {
	number := s.Sequence() - 1
	if len(s.Payload()) != int(8*(1+number%20)) {
		return fmt.Errorf("sample %d has %d bytes", number, len(s.Payload()))
	}
	for b := s.Payload(); len(b) > 0; b = b[8:] {
		if got := binary.NativeEndian.Uint64(b); got != number {
			return fmt.Errorf("sample %d holds %d", number, got)
		}
	}
	return nil
}

// Batches of all sizes are published and received, and the reader holds samples for long. Every sample is whole and
// stays so, and every sample is received or counted as lost.
func TestBatch_RandomSizesHammer(t *testing.T) { inSlotsAndEntries(t, testBatch_RandomSizesHammer) }

func testBatch_RandomSizesHammer(t *testing.T, newRing ringMaker) {
	// More than there are processors, so that both ends are interrupted anywhere.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2 * runtime.NumCPU()))
	for _, lossless := range []bool{false, true} {
		for _, depth := range []int{2, 16, 128} {
			t.Run(fmt.Sprintf("lossless %v, depth %d", lossless, depth), func(t *testing.T) {
				total := uint64(100_000 / slowdown)
				h := newRing(t, WriterOptions{Depth: depth})
				ended := make(chan struct{})
				r := h.reader(LinkRequest{Lossless: lossless}, ReaderOptions{MaxHeld: 100, Ended: func(PublisherID) { close(ended) }})
				go func() {
					defer h.w.Close()
					memory := make([][160]byte, 60)
					for number := uint64(0); number < total; {
						payloads := make([][]byte, min(uint64(1+rand.IntN(len(memory))), total-number))
						for i := range payloads {
							payloads[i] = fillNumbered(memory[i][:], number)
							number++
						}
						if n, err := h.w.PublishBatch(context.Background(), payloads); n != len(payloads) || err != nil {
							t.Errorf("published %d of %d: %v", n, len(payloads), err)
							return
						}
					}
				}()
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					<-ended
					cancel()
				}()
				var held []Sample
				var next uint64
				buf := make([]Sample, 70)
				for {
					n, err := r.ReceiveBatch(ctx, buf[:1+rand.IntN(len(buf))])
					if errors.Is(err, context.Canceled) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					for _, s := range buf[:n] {
						next += s.Lost()
						if s.Sequence() != next+1 {
							t.Fatalf("sample %d, want %d", s.Sequence(), next+1)
						}
						next++
						if err := checkNumbered(s); err != nil {
							t.Fatal(err)
						}
						if rand.IntN(20) == 0 && len(held) < 25 {
							held = append(held, s)
							continue
						}
						s.Release()
					}
					if len(held) == 25 {
						for _, s := range held {
							if err := checkNumbered(s); err != nil {
								t.Fatal("held: ", err)
							}
							s.Release()
						}
						held = held[:0]
					}
				}
				f := r.Stats()
				if f.Messages+f.Lost != total || lossless && f.Lost != 0 {
					t.Errorf("%d received and %d lost of %d", f.Messages, f.Lost, total)
				}
				for _, s := range held {
					s.Release()
				}
			})
		}
	}
}

func TestPublishBatch_RingsOnce(t *testing.T) {
	h := newHeapRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	armed := (*r.links.Load())[0].armed
	bell := h.w.bell.Load()
	publishBatch(t, h.w, texts(0, 5))
	if n := h.w.bell.Load() - bell; n != 0 {
		t.Errorf("without sleeping readers the bell rang %d times", n)
	}
	armed.Store(armedFirst)
	publishBatch(t, h.w, texts(5, 10))
	publishBatch(t, h.w, texts(10, 15))
	if n := h.w.bell.Load() - bell; n != 1 {
		t.Errorf("one reader went to sleep, and the bell rang %d times", n)
	}
}

// A batch that must wait for room first wakes the sleeping reader for the samples that it has committed.
func TestPublishBatch_RingsBeforeWait(t *testing.T) {
	inSlotsAndEntries(t, testPublishBatch_RingsBeforeWait)
}

func testPublishBatch_RingsBeforeWait(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
	(*r.links.Load())[0].armed.Store(armedFirst)
	bell := h.w.bell.Load()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for h.w.bell.Load() == bell {
			runtime.Gosched()
		}
		cancel()
	}()
	if n, err := h.w.PublishBatch(ctx, texts(0, 6)); n != 4 || !errors.Is(err, context.Canceled) {
		t.Errorf("published %d, %v", n, err)
	}
}

func TestBatch_NoAllocations(t *testing.T) { inSlotsAndEntries(t, testBatch_NoAllocations) }

func testBatch_NoAllocations(t *testing.T, newRing ringMaker) {
	h := newRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	payloads, buf := texts(0, 10), make([]Sample, 10)
	ctx := t.Context()
	step := func() {
		publishBatch(t, h.w, payloads)
		n, err := r.ReceiveBatch(ctx, buf)
		if n != 10 || err != nil {
			t.Fatal(n, err)
		}
		for i := range buf {
			buf[i].Release()
		}
	}
	allocatesNothing(t, 1000, step)
}
