//go:build linux

package shmtransport

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// No publish waits for a lossless reader that truncated its file, its marks do not count, and Failed is called.
func TestWriter_TruncatedReaderFile(t *testing.T) {
	for _, lossless := range []bool{false, true} {
		d := newDomain(t)
		failed := make(chan error, 1)
		w := d.writer(WriterOptions{Depth: 4, MemoryLimit: 64 << 10, Failed: func(_ LinkRequest, err error) { failed <- err }})
		truncated, honest := d.readerFile(), d.readerFile()
		rc := NewReader(new(ReaderSet), nil, ReaderOptions{})
		r := NewReader(new(ReaderSet), nil, ReaderOptions{})
		defer r.Close()
		d.connect(rc, truncated, w, ConnectOptions{Lossless: lossless})
		d.connect(r, honest, w, ConnectOptions{Lossless: true})
		path := d.path(truncated.id, "reader")
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
		var corrupt *errdefs.CorruptError
		if err := <-failed; !errors.As(err, &corrupt) || corrupt.Path != path {
			t.Errorf("removed for %v", err)
		}
		if n := w.Readers(); n != 1 {
			t.Errorf("%d readers are admitted", n)
		}
		truncate(t, path, rdrFileSize)
		rc.Close()
	}
}

// The wait for a lossless reader ends when its page faults.
func TestPublish_TruncatedReaderFileEndsWait(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 4})
	f := d.readerFile()
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	d.connect(r, f, w, ConnectOptions{Lossless: true})
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

// A sleeping reader is woken even if another reader's page faults.
func TestPublish_TruncatedReaderFileLosesNoWakeUp(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{})
	before, truncated := d.readerFile(), d.readerFile()
	r := NewReader(new(ReaderSet), nil, ReaderOptions{Spin: -1})
	defer r.Close()
	rc := NewReader(new(ReaderSet), nil, ReaderOptions{})
	d.connect(r, before, w, ConnectOptions{})
	d.connect(rc, truncated, w, ConnectOptions{})
	got := make(chan error)
	go func() {
		_, err := r.Receive(t.Context())
		got <- err
	}()
	link := (*r.links.Load())[0]
	for link.armed.Load() < armedFirst {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // asleep
	path := d.path(truncated.id, "reader")
	truncate(t, path, 0)
	if _, err := w.Publish(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second): // half of the time after which a lost wake-up is noticed
		t.Error("the wake-up was lost")
	}
	truncate(t, path, rdrFileSize)
	rc.Close()
}

// Reclaim may be the first to load from a faulting page. The marks of other readers still count.
func TestPool_TruncatedReaderFileKeepsOtherMarks(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 4})
	truncated, honest := d.readerFile(), d.readerFile()
	rc, r := NewReader(new(ReaderSet), nil, ReaderOptions{}), NewReader(new(ReaderSet), nil, ReaderOptions{})
	defer r.Close()
	d.connect(rc, truncated, w, ConnectOptions{})
	d.connect(r, honest, w, ConnectOptions{})
	if _, err := w.Publish(t.Context(), large()); err != nil {
		t.Fatal(err)
	}
	s, err := r.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	path := d.path(truncated.id, "reader")
	truncate(t, path, 0)
	w.mu.Lock()
	w.pool.scanMarks(w)
	held, readers := w.pool.countHeld(), len(w.readers)
	w.mu.Unlock()
	if held != 1 || readers != 1 {
		t.Errorf("%d slots are held, %d readers admitted", held, readers)
	}
	truncate(t, path, rdrFileSize)
	rc.Close()
}
