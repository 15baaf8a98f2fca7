package registry

import (
	"slices"
	"testing"
)

func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	r, err := Join(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	open := func() *Places {
		p, err := OpenPlaces(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
	lock := func(p *Places, place int64, want bool) {
		t.Helper()
		if ok, err := p.TryLock(place); ok != want || err != nil {
			t.Fatalf("place %d: %v, %v", place, ok, err)
		}
	}
	locked := func(p *Places, limit int, want ...int64) {
		t.Helper()
		got, err := p.Locked(10, MaxPlace+1, limit)
		slices.Sort(got)
		if !slices.Equal(got, want) || err != nil {
			t.Fatalf("locked %v, want %v, %v", got, want, err)
		}
	}
	a, b, c := open(), open(), open()
	locked(c, 9)
	for _, place := range []int64{0, 10, 11, 1 << 40, MaxPlace} {
		lock(a, place, true)
		lock(b, place, false)
	}
	lock(b, 13, true)
	locked(c, 9, 10, 11, 13, 1<<40, MaxPlace)
	locked(a, 9, 13)
	if got, err := c.Locked(10, MaxPlace, 2); len(got) != 2 || err != nil {
		t.Fatal(got, err)
	}
	if err := a.Unlock(11); err != nil {
		t.Fatal(err)
	}
	lock(b, 11, true)
	lock(a, 11, false)
	a.Close()
	locked(c, 9, 11, 13)
	lock(b, 10, true)
	if x, err := b.File(); err != nil || x == 0 {
		t.Fatal(x, err)
	}
}
