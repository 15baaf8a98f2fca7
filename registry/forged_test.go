//go:build linux

package registry

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/shmbus/shmbus/internal/process"
)

// A forger owns a participant file, lock included, and writes arbitrary bytes into it.
type forger struct {
	*table
	t testing.TB
}

// forge creates a participant file. alter, which may be nil, changes its header.
func forge(t testing.TB, dir string, alter func(*header)) *forger {
	t.Helper()
	self, err := process.Self()
	if err != nil {
		t.Fatal(err)
	}
	h := &header{id: newID(), self: self, unit: "forger", since: 1}
	if alter != nil {
		alter(h)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	tab, err := newTable(dir, 0o600, h)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{table: tab, t: t}
	t.Cleanup(f.die)
	return f
}

// advertise writes a record without ringing the bell.
func (f *forger) advertise(e Endpoint) (page int) {
	f.t.Helper()
	e.ID.Number = uint32(len(f.used)) + 1
	body, err := encodeBody(&e)
	if err != nil {
		f.t.Fatal(err)
	}
	page, _, err = f.put(&e, body)
	if err != nil {
		f.t.Fatal(err)
	}
	return page
}

// die drops the lock and leaves the file, as the kernel does for a killed process.
func (f *forger) die() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		f.mapping.Unmap()
		f.file.Close()
	}
}

func (f *forger) path() string { return filePath(f.dir, f.id, participantSuffix) }

// raw returns the bytes from the header to the end of the last used page.
func (f *forger) raw() []byte { return f.b[:pageOffset(len(f.used))] }
