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

// The kernel's word for the executable goes before that of the participant. Without it, the participant's is not proved.
func TestForged_Executable(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const lie = "/usr/bin/robot"
	for name, test := range map[string]struct {
		alter  func(*header)
		want   string
		proved bool
	}{
		"here":            {func(h *header) {}, exe, true},
		"not this start":  {func(h *header) { h.self.StartTime++ }, lie, false},
		"other namespace": {func(h *header) { h.self.Namespace++ }, lie, false},
		"other boot":      {func(h *header) { h.self.BootID[0]++ }, lie, false},
	} {
		dir := domain(t)
		f := forge(t, dir, func(h *header) {
			h.self.Executable = lie
			test.alter(h)
		})
		w := watch(t, dir)
		if p := w.expect(f.id, Joined)[0].Participant; p.Executable != test.want || p.ExecutableProved != test.proved {
			t.Errorf("%s: a participant is told to be %q, proved %v", name, p.Executable, p.ExecutableProved)
		}
		o, err := Observe(dir)
		if err != nil {
			t.Fatal(err)
		}
		all, err := o.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.ID == f.id && (p.Executable != test.want || p.ExecutableProved != test.proved) {
				t.Errorf("%s: an observer is told that it is %q, proved %v", name, p.Executable, p.ExecutableProved)
			}
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}
