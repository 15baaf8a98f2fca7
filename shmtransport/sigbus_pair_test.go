//go:build linux

package shmtransport

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
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
	c.r = NewReader(new(WaitSet), nil, ReaderOptions{Failed: func(id PublisherID, err error) { c.failed <- failure{id, err} }})
	t.Cleanup(c.r.Close)
	d.connect(c.r, c.f, c.cutter, ConnectOptions{})
	d.connect(c.r, c.f, c.honest, ConnectOptions{})
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

// leaveFileWhole gives the cutter's file its size back, so that its Close in this process does not fault.
func leaveFileWhole(t *testing.T, c *cutPair) {
	truncate(t, c.path(c.cutter), c.cutter.store.(*fileStore).size)
}
