package shmtransport

import (
	"cmp"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
)

// A heapRing is a publisher and its subscriptions over private memory.
type heapRing struct {
	t     testing.TB
	store *heapStore
	w     *Writer
	links uint32

	latched bool // readers are admitted as those of a latched topic
}

// ringMaker is newHeapRing or newEntryRing.
type ringMaker func(testing.TB, WriterOptions) *heapRing

// inSlotsAndEntries runs a test for small samples in slots and in entries.
func inSlotsAndEntries(t *testing.T, test func(*testing.T, ringMaker)) {
	t.Run("slots", func(t *testing.T) { test(t, newHeapRing) })
	t.Run("entries", func(t *testing.T) { test(t, newEntryRing) })
}

// newHeapRing makes a publisher that puts small samples into slots too, unless they are empty. This keeps tests of slots
// small.
func newHeapRing(t testing.TB, opts WriterOptions) *heapRing {
	t.Helper()
	h := newEntryRing(t, opts)
	h.w.maxInEntry = min(h.w.maxInEntry, 0)
	return h
}

func newEntryRing(t testing.TB, opts WriterOptions) *heapRing {
	t.Helper()
	opts, err := opts.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	h := &heapRing{t: t, store: new(heapStore)}
	if h.w, err = newWriter(h.store, PublisherID{Participant: 7, Number: 1}, opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.w.Close() })
	return h
}

// reader links a new subscription. The zero LinkRequest is a keep-last one without history.
func (h *heapRing) reader(q LinkRequest, opts ReaderOptions) *Reader {
	h.t.Helper()
	r := NewReader(new(ReaderSet), nil, opts)
	h.connect(r, q)
	return r
}

func (h *heapRing) connect(r *Reader, q LinkRequest) {
	h.t.Helper()
	q.Reader, q.Link, q.Generation, q.Publisher = cmp.Or(q.Reader, 9), h.links, 1, h.w.ID()
	if q.Timeout == 0 {
		q.Timeout = time.Hour
	}
	h.links++
	page := mem.Alloc(linkPageSize)
	mem.Uint32(page, pageOffArmed).Store(armedAwake) // as request does
	mem.Uint64(page, pageOffPublisher).Store(q.Publisher.Participant)
	mem.Uint32(page, pageOffNumber).Store(q.Publisher.Number)
	mem.Uint32(page, pageOffGen).Store(q.Generation)
	mem.Uint32(page, pageOffState).Store(pageCurrent)
	l, err := openLink(h.store, h.w.ID())
	if err != nil {
		h.t.Fatal(err)
	}
	l.attach(page, r.opts.MaxHeld)
	l.readerID, l.key, l.history = q.Reader, linkKey(q.Link, q.Generation), q.History
	l.freePage = func() { mem.Uint32(page, pageOffState).Store(pageUnused) }
	r.addLink(l, func() {})
	if err := h.w.Admit(q, page, func() {}, h.latched); err != nil {
		h.t.Fatal(err)
	}
}

func (h *heapRing) publish(payload string) {
	h.t.Helper()
	if _, err := h.w.Publish(h.t.Context(), []byte(payload)); err != nil {
		h.t.Fatal(err)
	}
}

func tryReceive(r *Reader) (s Sample, ok bool, err error) {
	ok, err = r.TryReceive(&s)
	return s, ok, err
}

// expect takes one sample, checks payload and loss, and releases it.
func expect(t testing.TB, r *Reader, payload string, lost uint64) {
	t.Helper()
	s, ok, err := tryReceive(r)
	if err != nil || !ok {
		t.Fatalf("no sample (%v), want %q", err, payload)
	}
	defer s.Release()
	if string(s.Payload()) != payload || s.Lost() != lost {
		t.Fatalf("got %q after %d lost, want %q after %d", s.Payload(), s.Lost(), payload, lost)
	}
}

// drain takes and releases samples until there are none.
func drain(t testing.TB, r *Reader) {
	t.Helper()
	for {
		s, ok, err := tryReceive(r)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		s.Release()
	}
}

func expectNothing(t testing.TB, r *Reader) {
	t.Helper()
	if s, ok, err := tryReceive(r); ok || err != nil {
		t.Fatalf("got %q, %v; want nothing", s.Payload(), err)
	}
}
