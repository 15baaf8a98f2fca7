//go:build linux

package shmtransport

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/shmbus/shmbus/shmtransport/internal/waitset"
)

// No memory is touched after it was unmapped, in whatever order the ends close. A mistake is a fault, not a failure.
func TestClose_ConcurrentHammer(t *testing.T) {
	d := newDomain(t)
	for range 2000 / slowdown {
		w := d.writer(WriterOptions{Depth: 4})
		f := d.readerFile()
		block, unmap := d.countersBlock()
		r := NewReader(new(ReaderSet), block, ReaderOptions{Spin: -1})
		d.connect(r, f, w, ConnectOptions{})
		var held []Sample
		for range 4 {
			if _, err := w.Publish(t.Context(), []byte("sample")); err != nil {
				t.Fatal(err)
			}
			s, err := r.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, s)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		start := make(chan struct{})
		try := func(f func()) {
			wg.Go(func() {
				<-start
				f()
			})
		}
		for _, s := range held {
			try(func() {
				if string(s.Payload()) != "sample" {
					t.Error("a held sample changed")
				}
				s.Release()
				s.Release()
			})
		}
		try(func() {
			r.Close()
			unmap()
		})
		try(func() { f.Close() })
		try(func() { w.Close() })
		try(func() {
			for {
				s, ok, err := tryReceive(r)
				if err != nil {
					return
				}
				if ok {
					s.Release()
				}
			}
		})
		try(func() {
			s, err := r.Receive(t.Context())
			if err == nil {
				s.Release()
			} else if !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
		})
		try(func() {
			if err := r.AwaitConnected(ctx, 2); !errors.Is(err, os.ErrClosed) && !errors.Is(err, context.Canceled) {
				t.Errorf("await connected: %v", err)
			}
		})
		try(func() { w.Publish(t.Context(), []byte("another")) })
		try(func() {
			if l, err := w.Loan(t.Context(), 100_000); err == nil {
				clear(l.Bytes())
				l.Commit(t.Context(), 100_000)
			}
		})
		try(func() { r.Prune(); r.Stats(); r.Connected(); w.Stats() })
		close(start)
		wg.Wait()
		cancel()
	}
	left, err := os.ReadDir(d.dir)
	left = slices.DeleteFunc(left, func(e os.DirEntry) bool { return strings.HasSuffix(e.Name(), ".wake") }) // which participants close
	if err != nil || len(left) != 0 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

// The last two samples of a closed subscription are released at the same moment. Only one of the releases may be the
// last.
func TestSample_ConcurrentLastReleasesHammer(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{})
	for range 1500 / slowdown {
		f := d.readerFile()
		r := NewReader(new(ReaderSet), nil, ReaderOptions{MaxHeld: MaxHeld})
		d.connect(r, f, w, ConnectOptions{})
		var held [2]Sample
		for i := range held {
			if _, err := w.Publish(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			var err error
			if held[i], err = r.Receive(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		f.Close()
		var wg sync.WaitGroup
		for _, s := range held {
			wg.Go(s.Release)
		}
		wg.Wait()
		if f.open != 0 || f.m.Bytes() != nil {
			t.Fatal("the reader file is still mapped")
		}
		w.Prune()
	}
}

// AwaitConnected reads publishers' memory that a receiving goroutine may unmap at any time.
func TestReader_AwaitConnectedDuringChurnHammer(t *testing.T) {
	d := newDomain(t)
	f := d.readerFile()
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := r.AwaitConnected(t.Context(), 1000); !errors.Is(err, os.ErrClosed) {
				t.Errorf("await connected: %v", err)
			}
		})
	}
	for range 2000 / slowdown {
		w := d.writer(WriterOptions{Depth: 1})
		if err := r.Connect(f, d.request(w, ConnectOptions{})); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if _, ok, err := tryReceive(r); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	r.Close()
	wg.Wait()
}

func TestReader_AwaitedBellStaysMapped(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{})
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	d.connect(r, d.readerFile(), w, ConnectOptions{})
	w.Close()
	p := waitset.NewWaiter(r.clock)
	links, _, done, err := r.countConnected(p, 2)
	if done || err != nil {
		t.Fatal(done, err)
	}
	if _, ok, err := tryReceive(r); ok || err != nil || r.Connected() != 0 {
		t.Fatal("the link should have ended:", ok, err)
	}
	p.Bells.Changed(2, p.Bells.Len()) // the first two are the Reader's own words
	unpinAll(links)
}
