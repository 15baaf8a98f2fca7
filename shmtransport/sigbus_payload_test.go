//go:build linux

package shmtransport

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// Reading a payload in place ends with an error when the file is truncated. A small payload is a copy and stays.
func TestSample_TruncatedPayload(t *testing.T) {
	c := newTruncatePair(t)
	c.publish(t, c.truncated, []byte("small"))
	c.publish(t, c.truncated, large())
	small, err := c.r.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.r.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	truncate(t, c.path(c.truncated), c.truncated.pool.arenas[0].off)
	if b, err := small.AppendTo(nil); err != nil || string(b) != "small" {
		t.Errorf("%q, %v", b, err)
	}
	b, err := s.AppendTo([]byte("before"))
	var corrupt *errdefs.CorruptError
	if !errors.As(err, &corrupt) || corrupt.Path != c.path(c.truncated) || string(b) != "before" {
		t.Fatalf("%q, %v", b, err)
	}
	c.publish(t, c.honest, []byte("honest"))
	expect(t, c.r, "honest", 0)
	small.Release()
	s.Release()
	c.expectFailed(t)
	if err := s.Read(func([]byte) error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Error("after Release:", err)
	}
	restoreFile(t, c)
}

// A payload that is published again in place may be in a truncated file. The publisher keeps no slot and no loan for it.
func TestWriter_PublishTruncatedPayload(t *testing.T) {
	single := func(ctx context.Context, w *Writer, b []byte) error {
		_, err := w.Publish(ctx, b)
		return err
	}
	batch := func(ctx context.Context, w *Writer, b []byte) error {
		_, err := w.PublishBatch(ctx, [][]byte{b})
		return err
	}
	for _, tc := range []struct {
		name    string
		payload []byte
		publish func(context.Context, *Writer, []byte) error
	}{
		{"with the lock", large(), single}, {"without the lock", make([]byte, 2*copyOutsideLock), single}, {"in a batch", large(), batch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTruncatePair(t)
			c.publish(t, c.truncated, tc.payload)
			s, err := c.r.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			truncate(t, c.path(c.truncated), c.truncated.pool.arenas[0].off)
			err = s.Read(func(b []byte) error { return tc.publish(t.Context(), c.honest, b) })
			if !errors.As(err, new(*errdefs.CorruptError)) {
				t.Fatal(err)
			}
			w := c.honest
			for i, a := range w.pool.arenas {
				if !a.allFree() {
					t.Errorf("%d of %d slots of arena %d are free", len(a.free), a.slots, i)
				}
			}
			if w.loans != 0 || w.seq != 0 {
				t.Errorf("%d loans, %d samples", w.loans, w.seq)
			}
			s.Release()
			c.publish(t, w, []byte("honest"))
			expect(t, c.r, "honest", 0)
			restoreFile(t, c)
		})
	}
}

// Panics and faults elsewhere are the application's own.
func TestSample_ReadPassesOtherPanics(t *testing.T) {
	c := newTruncatePair(t)
	c.publish(t, c.honest, large())
	s, err := c.r.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	for name, f := range map[string]func(){
		"a panic":        func() { panic("own") },
		"a fault before": func() { _ = *c.r.firstByteOf(c.truncated) },
	} {
		truncate(t, c.path(c.truncated), 0)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was swallowed", name)
				}
			}()
			s.Read(func([]byte) error { f(); return nil })
		}()
	}
	restoreFile(t, c)
}

// firstByteOf returns the first byte of a publisher's file as the Reader mapped it.
func (r *Reader) firstByteOf(w *Writer) *byte {
	for _, l := range *r.links.Load() {
		if l.id == w.ID() {
			return &l.arenaTable[0]
		}
	}
	return nil
}
