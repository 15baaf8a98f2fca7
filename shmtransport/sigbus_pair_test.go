//go:build linux

package shmtransport

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// large returns a payload that is kept in a slot.
func large() []byte { return bytes.Repeat([]byte("large"), 1000) }

// truncate sets the length of a file of a domain, as its owner could.
func truncate(t testing.TB, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// A truncatePair is a Reader with an honest publisher and one that will truncate its file.
type truncatePair struct {
	d                 *domain
	f                 *ReaderFile
	r                 *Reader
	honest, truncated *Writer
	failed            chan failure // closed connections, with the reason
}

type failure struct {
	id  PublisherID
	err error
}

func newTruncatePair(t *testing.T) *truncatePair {
	d := newDomain(t)
	c := &truncatePair{d: d, f: d.readerFile(), honest: d.writer(WriterOptions{}), truncated: d.writer(WriterOptions{}), failed: make(chan failure, 8)}
	c.r = NewReader(new(ReaderSet), nil, ReaderOptions{TrackPublished: true, Failed: func(id PublisherID, err error) { c.failed <- failure{id, err} }})
	t.Cleanup(c.r.Close)
	d.connect(c.r, c.f, c.truncated, ConnectOptions{})
	d.connect(c.r, c.f, c.honest, ConnectOptions{})
	return c
}

func (c *truncatePair) path(w *Writer) string { return c.d.path(w.ID().Participant, "pub.1") }

func (c *truncatePair) publish(t *testing.T, w *Writer, payload []byte) {
	t.Helper()
	if _, err := w.Publish(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
}

// expectFailed checks that the connection to the truncated file was closed, for the right reason, and that the file is
// no longer mapped.
func (c *truncatePair) expectFailed(t *testing.T) {
	t.Helper()
	f := <-c.failed
	var corrupt *errdefs.CorruptError
	if !errors.As(f.err, &corrupt) || corrupt.Path != c.path(c.truncated) || f.id != c.truncated.ID() || len(c.failed) != 0 {
		t.Fatalf("closed: %v, and %d more", f, len(c.failed))
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(maps), c.path(c.truncated)); n != 0 { // the Writer's own mappings have another name
		t.Errorf("the file is mapped %d times", n)
	}
}

// restoreFile restores the length of the truncated file, so that its Close in this process does not fault.
func restoreFile(t *testing.T, c *truncatePair) {
	truncate(t, c.path(c.truncated), c.truncated.store.(*fileStore).size)
}
