//go:build linux

package sigbus_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// cut returns pages of a file that has only the first of them any more.
func cut(t *testing.T, pages int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, pages*shm.PageSize()), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := shm.OpenShared(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Map(0, pages*shm.PageSize(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Unmap(); f.Close() })
	if err := os.Truncate(path, int64(shm.PageSize())); err != nil {
		t.Fatal(err)
	}
	return m.Bytes()
}

// during returns what recover says of f under a guard.
func during(f func()) (e any) {
	defer func(before sigbus.Mode) {
		before.Restore()
		e = recover()
	}(sigbus.Guard())
	f()
	return nil
}

func TestAFaultIsToldFromEverythingElse(t *testing.T) {
	page := shm.PageSize()
	b, large := cut(t, 3), cut(t, 2+(2<<20)/page)
	first := during(func() { _ = mem.Uint32(b, page+64).Load() })
	for name, tc := range map[string]struct {
		caught any
		where  []byte
		in     bool
	}{
		"in the mapping":       {first, b, true},
		"in its page":          {first, b[page+4:][:4], true},
		"in another page":      {first, b[2*page:], false},
		"before it":            {first, b[:page], false},
		"nowhere":              {first, nil, false},
		"while copying":        {during(func() { copy(make([]byte, 2*page), b[page:]) }), b, true},
		"writing a small copy": {during(func() { mem.Copy(b[page-512:], make([]byte, 1<<10)) }), b, true},
		"writing a copy":       {during(func() { mem.Copy(b[page-512:], make([]byte, 2*page)) }), b, true},
		"writing at once":      {during(func() { mem.Copy(b[page+3:], make([]byte, 2*page)) }), b, true},
		"writing a large copy": {during(func() { mem.Copy(large[64:], make([]byte, len(large))) }), large, true},
		"reading a copy":       {during(func() { mem.Copy(make([]byte, 2*page), b[page-512:]) }), b, true},
		"reading a large copy": {during(func() { mem.Copy(make([]byte, len(large)), large[64:]) }), large, true},
		"an ordinary panic":    {during(func() { panic(errors.New("x")) }), b, false},
		"a nil pointer":        {during(func() { var p *int; *p = 1 }), b, false},
		"an index too large":   {during(func() { _ = b[len(os.Args)*len(b)] }), b, false},
		"nothing":              {during(func() { _ = mem.Uint32(b, 0).Load() }), b, false},
	} {
		if got := sigbus.In(tc.caught, tc.where); got != tc.in {
			t.Errorf("%s: %v is %t, want %t", name, tc.caught, got, tc.in)
		}
	}
}

func TestPrefetch_NoFault(t *testing.T) {
	b := cut(t, 3)
	if e := during(func() { mem.PrefetchToRead(b); mem.PrefetchToWrite(b) }); e != nil {
		t.Error(e)
	}
}

func TestGuardsNest(t *testing.T) {
	b := cut(t, 2)
	e := during(func() {
		sigbus.Guard().Restore() // as in a function called in between
		_ = mem.Uint32(b, shm.PageSize()).Load()
	})
	if !sigbus.In(e, b) {
		t.Fatalf("the outer guard caught %v", e)
	}
	if before := sigbus.Guard(); before {
		t.Error("the guard outlives its function")
	} else {
		before.Restore()
	}
}

func BenchmarkGuard(b *testing.B) {
	work := func() {
		defer func(before sigbus.Mode) {
			before.Restore()
			if recover() != nil {
				b.Fatal("a panic")
			}
		}(sigbus.Guard())
	}
	for b.Loop() {
		work()
	}
}
