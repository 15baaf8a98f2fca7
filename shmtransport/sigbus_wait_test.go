//go:build linux

package shmtransport

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// Several goroutines wait in one process, so one loads the bells of others.
func TestWaitSet_TruncatedPublisherFile(t *testing.T) {
	for _, cold := range []bool{false, true} {
		waits := new(WaitSet)
		d := newDomain(t)
		f := d.readerFile()
		honest, truncated := d.writer(WriterOptions{}), d.writer(WriterOptions{})
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
			d.connect(r, f, truncated, ConnectOptions{})
			d.connect(r, f, honest, ConnectOptions{})
			go func() {
				s, err := r.Receive(t.Context())
				ends <- end{s, err}
			}()
		}
		if cold {
			time.Sleep(3 * warmTime)
		} else {
			time.Sleep(warmTime / 4)
		}
		size := truncated.store.(*fileStore).size
		path := d.path(truncated.ID().Participant, "pub.1")
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

func TestConnect_TruncatedPublisherFile(t *testing.T) {
	c := newTruncatePair(t)
	truncate(t, c.path(c.truncated), 0)
	if n := c.r.Connected(); n != 1 {
		t.Errorf("%d publishers are connected, want the honest one", n)
	}
	if err := c.r.AwaitConnected(t.Context(), -1); err != nil {
		t.Error(err)
	}
	c.r.Prune()
	c.expectFailed(t)
	other := NewReader(new(WaitSet), nil, ReaderOptions{})
	defer other.Close()
	if err := other.Connect(c.f, c.d.request(c.truncated, ConnectOptions{})); err == nil {
		t.Error("connected with a file of 0 bytes")
	}
	restoreFile(t, c)
}

// The caller of ParticipantExited or Prune may hold a lock that Failed needs.
func TestPrune_TruncatedFileWithLockHeld(t *testing.T) {
	for name, prune := range map[string]func(*Reader, *truncatePair){
		"ParticipantExited": func(r *Reader, c *truncatePair) { r.ParticipantExited(c.truncated.ID().Participant) },
		"Prune":             func(r *Reader, c *truncatePair) { r.Prune() },
		"Prune after a failed read": func(r *Reader, c *truncatePair) {
			for _, l := range *r.links.Load() {
				if l.id == c.truncated.ID() {
					err := truncatedError(l.view)
					l.fault.Store(&err)
					r.needsPrune.Store(true)
				}
			}
			r.Prune()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			failed := make(chan error, 1)
			c := newTruncatePair(t)
			c.r.opts.Failed = func(id PublisherID, err error) {
				mu.Lock()
				defer mu.Unlock()
				if id == c.truncated.ID() {
					failed <- err
				}
			}
			truncate(t, c.path(c.truncated), 0)
			mu.Lock()
			prune(c.r, c)
			mu.Unlock()
			if err := <-failed; !errors.As(err, new(*errdefs.CorruptError)) {
				t.Error(err)
			}
			c.publish(t, c.honest, []byte("honest"))
			if s, err := c.r.Receive(t.Context()); err != nil || string(s.Payload()) != "honest" {
				t.Errorf("%q, %v", s.Payload(), err)
			} else {
				s.Release()
			}
			restoreFile(t, c)
		})
	}
}

// No goroutine receives, so AwaitConnected has to report the truncated file itself, and then waits for another
// publisher.
func TestAwaitConnected_TruncatedPublisherFile(t *testing.T) {
	c := newTruncatePair(t)
	failed := make(chan error, 1)
	c.r.opts.Failed = func(_ PublisherID, err error) { failed <- err }
	truncate(t, c.path(c.truncated), 0)
	met := make(chan error)
	go func() { met <- c.r.AwaitConnected(t.Context(), 2) }()
	var corrupt *errdefs.CorruptError
	if err := <-failed; !errors.As(err, &corrupt) || corrupt.Path != c.path(c.truncated) {
		t.Errorf("failed: %v", err)
	}
	restoreFile(t, c)
	c.d.connect(c.r, c.f, c.d.writer(WriterOptions{}), ConnectOptions{})
	if err := <-met; err != nil {
		t.Error(err)
	}
}
