//go:build linux

package shmtransport

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// Several goroutines wait in one process, so one looks at the bells of others.
func TestThoseWhoWaitSurviveABellThatIsGone(t *testing.T) {
	for _, cold := range []bool{false, true} {
		waits := new(WaitSet)
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
			d.connect(r, f, cutter, ConnectOptions{})
			d.connect(r, f, honest, ConnectOptions{})
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
	c.r.Prune()
	c.given(t)
	other := NewReader(new(WaitSet), nil, ReaderOptions{})
	defer other.Close()
	if err := other.Connect(c.f, c.d.request(c.cutter, ConnectOptions{})); err == nil {
		t.Error("connected with a file of 0 bytes")
	}
	leaveFileWhole(t, c)
}

// Who knows that a publisher is gone may hold what Failed wants.
func TestWhoTidiesMayHoldWhatFailedWants(t *testing.T) {
	for name, tidy := range map[string]func(*Reader, *cutPair){
		"Gone": func(r *Reader, c *cutPair) { r.ParticipantExited(c.cutter.ID().Participant) },
		"Tidy": func(r *Reader, c *cutPair) { r.Prune() },
		"Tidy, after a payload was read in vain": func(r *Reader, c *cutPair) {
			for _, l := range *r.links.Load() {
				if l.id == c.cutter.ID() {
					err := cutShort(l.view)
					l.spoiled.Store(&err)
					r.untidy.Store(true)
				}
			}
			r.Prune()
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
	c.d.connect(c.r, c.f, c.d.writer(WriterOptions{}), ConnectOptions{})
	if err := <-met; err != nil {
		t.Error(err)
	}
}
