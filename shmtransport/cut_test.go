//go:build linux

package shmtransport

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/fault"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// large is a payload that is kept in a slot.
func large() []byte { return bytes.Repeat([]byte("large"), 1000) }

// truncate makes a file of a domain as short as its owner could make it.
func truncate(t testing.TB, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// A cutPair is a Reader with an honest publisher and one that will cut its file.
type cutPair struct {
	d              *domain
	f              *ReaderFile
	r              *Reader
	honest, cutter *Writer
	failed         chan failure // who was given up, and why
}

type failure struct {
	id  PublisherID
	err error
}

func newCutPair(t *testing.T) *cutPair {
	d := newDomain(t)
	c := &cutPair{d: d, f: d.readerFile(), honest: d.writer(WriterOptions{}), cutter: d.writer(WriterOptions{}), failed: make(chan failure, 8)}
	c.r = NewReader(new(Waits), nil, ReaderOptions{Failed: func(id PublisherID, err error) { c.failed <- failure{id, err} }})
	t.Cleanup(c.r.Close)
	d.connect(c.r, c.f, c.cutter, Request{})
	d.connect(c.r, c.f, c.honest, Request{})
	return c
}

func (c *cutPair) path(w *Writer) string { return c.d.path(w.ID().Participant, "pub.1") }

func (c *cutPair) publish(t *testing.T, w *Writer, payload []byte) {
	t.Helper()
	if _, err := w.Publish(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
}

// given checks that the cutter was given up, for the reason there is, and that the file is no longer mapped.
func (c *cutPair) given(t *testing.T) {
	t.Helper()
	f := <-c.failed
	var corrupt *CorruptError
	if !errors.As(f.err, &corrupt) || corrupt.Where != c.path(c.cutter) || f.id != c.cutter.ID() || len(c.failed) != 0 {
		t.Fatalf("given up: %v, and %d more", f, len(c.failed))
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(maps), c.path(c.cutter)); n != 0 { // the Writer's own mappings have another name
		t.Errorf("the file is mapped %d times", n)
	}
}

// Each way to take meets a file that was cut to nothing, or to its ring, and still gives what the other publisher has.
func TestAPublisherThatCutsItsFileIsGivenUpAndNobodyElse(t *testing.T) {
	take := map[string]func(t *testing.T, r *Reader) (Sample, error){
		"TryReceive": func(t *testing.T, r *Reader) (s Sample, err error) {
			for ok := false; !ok && err == nil; {
				ok, err = r.TryReceive(&s)
			}
			return s, err
		},
		"Receive": func(t *testing.T, r *Reader) (Sample, error) { return r.Receive(t.Context()) },
		"Latest": func(t *testing.T, r *Reader) (s Sample, err error) {
			for ok := false; !ok && err == nil; {
				ok, err = r.Latest(&s)
			}
			return s, err
		},
		"ReceiveBatch": func(t *testing.T, r *Reader) (Sample, error) {
			buf := make([]Sample, 8)
			n, err := r.ReceiveBatch(t.Context(), buf)
			if err == nil && n != 1 {
				t.Errorf("%d samples", n)
			}
			return buf[0], err
		},
	}
	for name, take := range take {
		for _, tc := range []struct {
			name string
			size func(w *Writer) int64
			b    []byte
		}{
			{"everything", func(*Writer) int64 { return 0 }, []byte("small")},
			{"the ring", func(*Writer) int64 { return int64(shm.PageSize()) }, []byte("small")},
			{"the slots", func(w *Writer) int64 { return w.pool.arenas[0].off }, large()},
		} {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				c := newCutPair(t)
				c.publish(t, c.cutter, tc.b)
				truncate(t, c.path(c.cutter), tc.size(c.cutter))
				c.publish(t, c.honest, []byte("honest"))
				s, err := take(t, c.r)
				if err != nil || string(s.Payload()) != "honest" || s.Lost() != 0 {
					t.Fatalf("%q, %v", s.Payload(), err)
				}
				s.Release()
				if _, ok, err := tryReceive(c.r); ok || err != nil {
					t.Fatal("there is more:", err)
				}
				c.given(t)
				if n := c.r.held(); n != 0 {
					t.Errorf("%d samples count as held", n)
				}
				if c.f.open != 1 {
					t.Errorf("%d links are in use", c.f.open)
				}
				leaveFileWhole(t, c)
			})
		}
	}
}

// leaveFileWhole gives the cutter's file its size back, so that its Close in this process does not fault.
func leaveFileWhole(t *testing.T, c *cutPair) {
	truncate(t, c.path(c.cutter), c.cutter.store.(*fileStore).size)
}

// A batch that a fault ends gives what it had, of the others and of the one that cut.
func TestABatchThatAFaultEndsKeepsWhatItCounted(t *testing.T) {
	c := newCutPair(t)
	for range 3 {
		c.publish(t, c.honest, []byte("honest"))
		c.publish(t, c.cutter, large())
	}
	truncate(t, c.path(c.cutter), c.cutter.pool.arenas[0].off)
	var got int
	for got < 3 {
		buf := make([]Sample, 8)
		n, err := c.r.ReceiveBatch(t.Context(), buf)
		if err != nil {
			t.Fatal(err)
		}
		for i := range buf[:n] {
			if string(buf[i].Payload()) != "honest" {
				t.Errorf("sample %d of %v", buf[i].Sequence(), buf[i].Publisher())
			}
			buf[i].Release()
		}
		got += n
	}
	tryReceive(c.r)
	c.given(t)
	if f := c.r.Figures(); f.Messages != 3 || f.Held != 0 {
		t.Errorf("%d received, %d held", f.Messages, f.Held)
	}
	leaveFileWhole(t, c)
}

// Several goroutines wait in one process, so one looks at the bells of others.
func TestThoseWhoWaitSurviveABellThatIsGone(t *testing.T) {
	for _, cold := range []bool{false, true} {
		waits := new(Waits)
		d := newDomain(t)
		f := d.readerFile()
		honest, cutter := d.writer(WriterOptions{}), d.writer(WriterOptions{})
		type end struct {
			s   Sample
			err error
		}
		ends := make(chan end)
		failed := make(chan error, 8)
		const readers = 3
		for range readers {
			r := NewReader(waits, nil, ReaderOptions{Spin: -1, Failed: func(_ PublisherID, err error) { failed <- err }})
			defer r.Close()
			d.connect(r, f, cutter, Request{})
			d.connect(r, f, honest, Request{})
			go func() {
				s, err := r.Receive(t.Context())
				ends <- end{s, err}
			}()
		}
		if cold {
			time.Sleep(3 * stayWarm)
		} else {
			time.Sleep(stayWarm / 4)
		}
		size := cutter.store.(*fileStore).size
		path := d.path(cutter.ID().Participant, "pub.1")
		truncate(t, path, 0)
		if _, err := honest.Publish(t.Context(), []byte("honest")); err != nil {
			t.Fatal(err)
		}
		for range readers {
			if e := <-ends; e.err != nil || string(e.s.Payload()) != "honest" {
				t.Fatalf("%q, %v", e.s.Payload(), e.err)
			}
		}
		truncate(t, path, size)
	}
}

func TestConnectingIsNotEndedByAFileThatIsCut(t *testing.T) {
	c := newCutPair(t)
	truncate(t, c.path(c.cutter), 0)
	if n := c.r.Connected(); n != 1 {
		t.Errorf("%d publishers are connected, want the honest one", n)
	}
	if err := c.r.AwaitConnected(t.Context(), -1); err != nil {
		t.Error(err)
	}
	c.r.Tidy()
	c.given(t)
	other := NewReader(new(Waits), nil, ReaderOptions{})
	defer other.Close()
	if err := other.Connect(c.f, c.d.request(c.cutter, Request{})); err == nil {
		t.Error("connected with a file of 0 bytes")
	}
	leaveFileWhole(t, c)
}

// A payload in place that goes while it is read ends the reading; a small one, which is a copy, cannot go.
func TestAPayloadThatIsTakenAwayIsAnError(t *testing.T) {
	c := newCutPair(t)
	c.publish(t, c.cutter, []byte("small"))
	c.publish(t, c.cutter, large())
	small, err := c.r.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.r.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	truncate(t, c.path(c.cutter), c.cutter.pool.arenas[0].off)
	if b, err := small.AppendTo(nil); err != nil || string(b) != "small" {
		t.Errorf("%q, %v", b, err)
	}
	b, err := s.AppendTo([]byte("before"))
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || corrupt.Where != c.path(c.cutter) || string(b) != "before" {
		t.Fatalf("%q, %v", b, err)
	}
	c.publish(t, c.honest, []byte("honest"))
	expect(t, c.r, "honest", 0)
	small.Release()
	s.Release()
	c.given(t)
	if err := s.Read(func([]byte) error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Error("after Release:", err)
	}
	leaveFileWhole(t, c)
}

// What is not a fault in this payload is the application's own.
func TestOtherPanicsWhileAPayloadIsReadGoOn(t *testing.T) {
	c := newCutPair(t)
	c.publish(t, c.honest, large())
	s, err := c.r.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	for name, f := range map[string]func(){
		"a panic":        func() { panic("own") },
		"a fault before": func() { _ = *c.r.bytesOf(c.cutter) },
	} {
		truncate(t, c.path(c.cutter), 0)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was swallowed", name)
				}
			}()
			s.Read(func([]byte) error { f(); return nil })
		}()
	}
	leaveFileWhole(t, c)
}

// bytesOf is the first byte of a publisher's file as the Reader mapped it.
func (r *Reader) bytesOf(w *Writer) *byte {
	for _, l := range *r.links.Load() {
		if l.id == w.ID() {
			return &l.arenaTable[0]
		}
	}
	return nil
}

// A lossless reader that cuts its file holds nobody up, its marks keep nothing, and others are told.
func TestAReaderThatCutsItsFileIsNoLongerWatched(t *testing.T) {
	for _, lossless := range []bool{false, true} {
		d := newDomain(t)
		failed := make(chan error, 1)
		w := d.writer(WriterOptions{Depth: 4, MemoryLimit: 64 << 10, Failed: func(_ LinkRequest, err error) { failed <- err }})
		cutter, honest := d.readerFile(), d.readerFile()
		rc := NewReader(new(Waits), nil, ReaderOptions{})
		r := NewReader(new(Waits), nil, ReaderOptions{})
		defer r.Close()
		d.connect(rc, cutter, w, Request{Lossless: lossless})
		d.connect(r, honest, w, Request{Lossless: true})
		path := d.path(cutter.id, "reader")
		truncate(t, path, 0)
		for i := range 20 {
			b := large()[:1000+i]
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if _, err := w.Publish(ctx, b); err != nil {
				t.Fatal(err)
			}
			cancel()
			expect(t, r, string(b), 0)
		}
		var corrupt *CorruptError
		if err := <-failed; !errors.As(err, &corrupt) || corrupt.Where != path {
			t.Errorf("given up for %v", err)
		}
		if n := w.Readers(); n != 1 {
			t.Errorf("%d readers are watched", n)
		}
		truncate(t, path, rdrFileSize)
		rc.Close()
	}
}

// The wait for a lossless reader ends when its page goes.
func TestAPublishThatWaitsForAReaderThatCutsItsFileEnds(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 4})
	f := d.readerFile()
	r := NewReader(new(Waits), nil, ReaderOptions{})
	d.connect(r, f, w, Request{Lossless: true})
	done := make(chan error)
	go func() {
		for range 8 {
			if _, err := w.Publish(t.Context(), []byte("x")); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for waits := uint64(0); waits == 0; {
		w.mu.Lock()
		waits = uint64(w.waiting)
		w.mu.Unlock()
	}
	path := d.path(f.id, "reader")
	truncate(t, path, 0)
	if err := <-done; err != nil {
		t.Error(err)
	}
	truncate(t, path, rdrFileSize)
	r.Close()
}

// A reader that is asleep when another's page goes is woken all the same.
func TestAFaultBetweenTwoSleepersLosesNoWakeUp(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{})
	before, cutter := d.readerFile(), d.readerFile()
	r := NewReader(new(Waits), nil, ReaderOptions{Spin: -1})
	defer r.Close()
	rc := NewReader(new(Waits), nil, ReaderOptions{})
	d.connect(r, before, w, Request{})
	d.connect(rc, cutter, w, Request{})
	got := make(chan error)
	go func() {
		_, err := r.Receive(t.Context())
		got <- err
	}()
	link := (*r.links.Load())[0]
	for link.armed.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // asleep
	path := d.path(cutter.id, "reader")
	truncate(t, path, 0)
	if _, err := w.Publish(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second): // half of what a lost wake-up takes to be noticed
		t.Error("the wake-up was lost")
	}
	truncate(t, path, rdrFileSize)
	rc.Close()
}

// A file may be as long as its owner says without costing anything; nobody maps all of it.
func TestASparseFileIsNotMappedBeyondWhatThereIs(t *testing.T) {
	c := newCutPair(t)
	c.publish(t, c.cutter, large())
	e := c.cutter.pool.table
	mem.Uint64(e, arenaOffSlotSize).Store(256 << 20)
	mem.Uint32(e, arenaOffSlots).Store(maxSlots)
	size := c.cutter.store.(*fileStore).size
	truncate(t, c.path(c.cutter), 1<<45)
	c.publish(t, c.honest, []byte("honest"))
	expect(t, c.r, "honest", 0)
	expectNothing(t, c.r)
	c.given(t)
	if n := c.r.waits.mapped.Load(); n != 0 {
		t.Errorf("%d bytes count as mapped", n)
	}
	truncate(t, c.path(c.cutter), size)
}

// Who only watches maps the ring like everybody.
func TestAWatcherSurvivesAFileThatIsCut(t *testing.T) {
	d := newDomain(t)
	honest, cutter := d.writer(WriterOptions{}), d.writer(WriterOptions{})
	failed := make(chan error, 1)
	r := NewReader(new(Waits), nil, ReaderOptions{Failed: func(_ PublisherID, err error) { failed <- err }})
	defer r.Close()
	for _, w := range []*Writer{cutter, honest} {
		if err := r.Watch(d.request(w, Request{})); err != nil {
			t.Fatal(err)
		}
	}
	path := d.path(cutter.ID().Participant, "pub.1")
	truncate(t, path, 0)
	r.Peek()
	if _, err := honest.Publish(t.Context(), large()); err != nil {
		t.Fatal(err)
	}
	r.Peek()
	expect(t, r, string(large()), 0)
	expectNothing(t, r)
	if err := <-failed; !errors.As(err, new(*CorruptError)) {
		t.Error(err)
	}
	truncate(t, path, cutter.store.(*fileStore).size)
}

// The file may go at any moment, also after a sample was taken and before the call returns.
func TestASampleThatAFaultKeepsBackIsReleased(t *testing.T) {
	c := newCutPair(t)
	c.publish(t, c.cutter, large())
	link := (*c.r.links.Load())[0]
	var s Sample
	if err := c.r.turn.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o, err := link.take(&s); o != taken || err != nil {
		t.Fatal(o, err)
	}
	truncate(t, c.path(c.cutter), 0)
	func() {
		defer func(before fault.Mode) {
			before.Restore()
			c.r.survive(recover(), &s)
		}(fault.Guard())
		link.wakePublisher()
	}()
	c.given(t)
	if f := c.r.Figures(); c.r.held() != 0 || c.f.open != 1 || f.Lost != 1 || s.Payload() != nil {
		t.Errorf("%d held, %d links in use, %d lost", c.r.held(), c.f.open, f.Lost)
	}
	leaveFileWhole(t, c)
}

// Reclaim may be the first to meet a page that is gone. The marks of the others still keep what they name.
func TestMarksOfOthersCountWhenAPageIsGone(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 4})
	cutter, honest := d.readerFile(), d.readerFile()
	rc, r := NewReader(new(Waits), nil, ReaderOptions{}), NewReader(new(Waits), nil, ReaderOptions{})
	defer r.Close()
	d.connect(rc, cutter, w, Request{})
	d.connect(r, honest, w, Request{})
	if _, err := w.Publish(t.Context(), large()); err != nil {
		t.Fatal(err)
	}
	s, err := r.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	path := d.path(cutter.id, "reader")
	truncate(t, path, 0)
	w.mu.Lock()
	w.pool.look(w)
	held, readers := w.pool.countHeld(), len(w.readers)
	w.mu.Unlock()
	if held != 1 || readers != 1 {
		t.Errorf("%d slots are held, %d readers watched", held, readers)
	}
	truncate(t, path, rdrFileSize)
	rc.Close()
}

// Who knows that a publisher is gone may hold what Failed wants.
func TestWhoTidiesMayHoldWhatFailedWants(t *testing.T) {
	for name, tidy := range map[string]func(*Reader, *cutPair){
		"Gone": func(r *Reader, c *cutPair) { r.Gone(c.cutter.ID().Participant) },
		"Tidy": func(r *Reader, c *cutPair) { r.Tidy() },
		"Tidy, after a payload was read in vain": func(r *Reader, c *cutPair) {
			for _, l := range *r.links.Load() {
				if l.id == c.cutter.ID() {
					err := cutShort(l.view)
					l.spoiled.Store(&err)
					r.spoiled.Store(true)
				}
			}
			r.Tidy()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			failed := make(chan error, 1)
			c := newCutPair(t)
			c.r.opts.Failed = func(id PublisherID, err error) {
				mu.Lock()
				defer mu.Unlock()
				if id == c.cutter.ID() {
					failed <- err
				}
			}
			truncate(t, c.path(c.cutter), 0)
			mu.Lock()
			tidy(c.r, c)
			mu.Unlock()
			if err := <-failed; !errors.As(err, new(*CorruptError)) {
				t.Error(err)
			}
			c.publish(t, c.honest, []byte("honest"))
			if s, err := c.r.Receive(t.Context()); err != nil || string(s.Payload()) != "honest" {
				t.Errorf("%q, %v", s.Payload(), err)
			} else {
				s.Release()
			}
			leaveFileWhole(t, c)
		})
	}
}

// Nobody receives, so whoever waits for publishers has to give up the one that cut its file, and does not look at it for ever.
func TestWhoWaitsForPublishersGivesUpOneThatCutsItsFile(t *testing.T) {
	c := newCutPair(t)
	failed := make(chan error, 1)
	c.r.opts.Failed = func(_ PublisherID, err error) { failed <- err }
	truncate(t, c.path(c.cutter), 0)
	met := make(chan error)
	go func() { met <- c.r.AwaitConnected(t.Context(), 2) }()
	var corrupt *CorruptError
	if err := <-failed; !errors.As(err, &corrupt) || corrupt.Where != c.path(c.cutter) {
		t.Errorf("given up: %v", err)
	}
	leaveFileWhole(t, c)
	c.d.connect(c.r, c.f, c.d.writer(WriterOptions{}), Request{})
	if err := <-met; err != nil {
		t.Error(err)
	}
}
