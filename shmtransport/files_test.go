//go:build linux

package shmtransport

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/stats"
)

// A domain is a directory for publisher and reader files, on a file system that can hold them.
type domain struct {
	t    testing.TB
	dir  string
	next atomic.Uint64
}

func newDomain(t testing.TB) *domain {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &domain{t: t, dir: dir}
}

func (d *domain) path(participant uint64, kind string) string {
	return filepath.Join(d.dir, fmt.Sprintf("%016x.%s", participant, kind))
}

func (d *domain) writer(opts WriterOptions) *Writer {
	d.t.Helper()
	id := PublisherID{Participant: d.next.Add(1), Number: 1}
	wake, err := CreateWakeFile(d.path(id.Participant, "wake"), d.dir, 0o600, id.Participant)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { wake.Close() })
	w, err := CreateWriter(d.path(id.Participant, "pub.1"), d.dir, 0o600, wake, id, opts)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { w.Close() })
	return w
}

func (d *domain) readerFile() *ReaderFile {
	d.t.Helper()
	id := d.next.Add(1)
	f, err := CreateReaderFile(d.path(id, "reader"), d.dir, 0o600, id)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { f.Close() })
	return f
}

// request fills in the paths and the identity of the publisher.
func (d *domain) request(w *Writer, q ConnectOptions) ConnectOptions {
	q.Path, q.WakePath, q.Publisher = d.path(w.ID().Participant, "pub.1"), d.path(w.ID().Participant, "wake"), w.ID()
	if q.Timeout == 0 {
		q.Timeout = time.Hour
	}
	return q
}

func (d *domain) connect(r *Reader, f *ReaderFile, w *Writer, q ConnectOptions) {
	d.t.Helper()
	if err := r.Connect(f, d.request(w, q)); err != nil {
		d.t.Fatal(err)
	}
	admitAll(d.t, w, d.path(f.id, "reader"), f.id)
}

// admitAll reads the reader's requests and admits them, as a publisher's participant does when the registry notifies
// it.
func admitAll(t testing.TB, w *Writer, path string, reader uint64) {
	t.Helper()
	if err := admitRequests(w, path, reader); err != nil {
		t.Fatal(err)
	}
}

func admitRequests(w *Writer, path string, reader uint64) error {
	p, err := OpenPeerFile(path, reader, nil)
	if err != nil {
		return err
	}
	defer p.Close()
	var failed error
	err = p.Requests(w.ID().Participant, func(q LinkRequest) {
		if q.Declined || q.Publisher != w.ID() {
			return
		}
		page, release, err := p.Page(q.Link)
		if err == nil {
			err = w.Admit(q, page, release, false)
		}
		if err != nil {
			failed = err
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// countersBlock returns a block of statistics that can be unmapped.
func (d *domain) countersBlock() (block []byte, unmap func()) {
	d.t.Helper()
	f, err := shm.Create(d.dir, int64(shm.PageSize()), 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	m, err := f.Map(0, shm.PageSize(), true)
	if err != nil {
		d.t.Fatal(err)
	}
	return m.Bytes()[:stats.Size], func() { m.Unmap() }
}

// Punched memory is freed, and restored memory is there.
func TestPublisherFile_StaysBelowMemoryLimit(t *testing.T) {
	const limit = 4 << 20
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 4, MemoryLimit: limit})
	f := d.readerFile()
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	defer r.Close()
	d.connect(r, f, w, ConnectOptions{})
	b := make([]byte, limit/4)
	for lap := range 3 {
		for n := 70 << 10; n < len(b); n += n / 12 {
			for _, n := range []int{n, 100, n / 8} {
				fillTagged(b[:n], w.Sequence())
				if _, err := w.Publish(t.Context(), b[:n]); err != nil {
					t.Fatalf("lap %d, %d bytes: %v", lap, n, err)
				}
				s, ok, err := tryReceive(r)
				if !ok || err != nil || s.Lost() != 0 || !bytes.Equal(s.Payload(), b[:n]) {
					t.Fatalf("lap %d, %d bytes: %t, %d lost, %v", lap, n, ok, s.Lost(), err)
				}
				s.Release()
			}
			var file syscall.Stat_t
			if err := syscall.Stat(d.path(w.ID().Participant, "pub.1"), &file); err != nil {
				t.Fatal(err)
			}
			// The header and the rounding to pages of each arena come on top.
			if got := file.Blocks * 512; got > limit+MaxArenas*4096 {
				t.Fatalf("the file has %d bytes of memory", got)
			}
		}
	}
	if len(w.pool.arenas) > MaxArenas/2 {
		t.Errorf("%d growth steps", len(w.pool.arenas))
	}
}
