//go:build linux

package shmtransport

import (
	"bytes"
	"os"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/shm"
)

// fileSizes returns the length of a file and its memory, in bytes.
func fileSizes(t *testing.T, path string) (size, backed int64) {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Size, st.Blocks * 512
}

// touch reads a byte of every page of a file through a mapping, as a user with read access can.
func touch(t *testing.T, path string) {
	t.Helper()
	f, err := shm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, _ := fileSizes(t, path)
	m, err := f.Map(0, int(size), false)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Unmap()
	sum := byte(0)
	for at := 0; at < len(m.Bytes()); at += os.Getpagesize() {
		sum += m.Bytes()[at]
	}
	if sum == 255 {
		t.Log("so that the loop is kept")
	}
}

func TestReaderFile_NoHoles(t *testing.T) {
	d := newDomain(t)
	f := d.readerFile()
	path := d.path(f.id, "reader")
	for links := range 2*linksPerGroup + 1 {
		size, backed := fileSizes(t, path)
		if backed < size {
			t.Fatalf("with %d links it has %d bytes and memory for %d", links, size, backed)
		}
		if links%linksPerGroup == 1 {
			touch(t, path)
			if _, now := fileSizes(t, path); now != backed {
				t.Errorf("touching it took %d bytes", now-backed)
			}
		}
		if _, err := f.prepare(LinkRequest{Publisher: PublisherID{1, uint32(links + 1)}}); err != nil {
			t.Fatal(err)
		}
	}
}

// A publisher that punches holes for unused slots punches them again, when it finds no room, if another process had the
// kernel fill them.
func TestPublisherFile_TouchedHolesArePunchedAgain(t *testing.T) {
	const limit = 4 << 20
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 4, MemoryLimit: limit})
	path := d.path(w.ID().Participant, "pub.1")
	b := make([]byte, limit/4)
	for n := 70 << 10; n < len(b); n += n / 4 {
		fillTagged(b[:n], w.Sequence())
		if _, err := w.Publish(t.Context(), b[:n]); err != nil {
			t.Fatal(err)
		}
	}
	empty := int64(0)
	for _, a := range w.pool.arenas {
		if a.punched {
			empty += roundToPage(a.bytes())
		}
	}
	size, before := fileSizes(t, path)
	if empty == 0 || size-before != empty {
		t.Fatalf("the file has holes of %d bytes, %d were given back", size-before, empty)
	}
	touch(t, path)
	if _, now := fileSizes(t, path); now != size {
		t.Fatalf("touching the whole file of %d bytes leaves it %d bytes of memory", size, now)
	}
	w.pool.limit *= 4
	w.pool.store = failingStore{w.store, new(bool)}
	if err := w.pool.addArena(slotSizeFor(200<<10), 1, false); err != nil {
		t.Fatal(err)
	}
	if _, now := fileSizes(t, path); now > before+limit/4 {
		t.Errorf("%d bytes of memory before the holes were touched, %d after the publisher found no room", before, now)
	}
	// The remaining samples are intact.
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	defer r.Close()
	d.connect(r, d.readerFile(), w, ConnectOptions{History: 1})
	s, ok, err := tryReceive(r)
	if !ok || err != nil || !bytes.Equal(s.Payload()[:8], b[:8]) {
		t.Errorf("%t, %v", ok, err)
	}
	s.Release()
}

// failingStore is a store whose first grow finds a full file system.
type failingStore struct {
	store
	asked *bool
}

func (s failingStore) grow(n int64) (int64, []byte, error) {
	if !*s.asked {
		*s.asked = true
		return 0, nil, &errdefs.SpaceError{Path: "full", Needed: n}
	}
	return s.store.grow(n)
}
