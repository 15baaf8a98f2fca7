//go:build linux

package futex_test

import (
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// A word in memory that its owner cut away, or that was unmapped, counts as changed, with and without futex_waitv.
func TestWordsThatAreGoneEndTheWait(t *testing.T) {
	for name, take := range map[string]func(*shm.File, *shm.Mapping) error{
		"cut":      func(f *shm.File, _ *shm.Mapping) error { return f.Cut(0) },
		"unmapped": func(_ *shm.File, m *shm.Mapping) error { return m.Unmap() },
	} {
		for _, without := range []bool{false, true} {
			f, err := shm.Create("/dev/shm", int64(shm.PageSize()), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			m, err := f.Map(0, shm.PageSize(), true)
			if err != nil {
				t.Fatal(err)
			}
			w := futex.NewWaiter(without)
			w.Add(mem.Uint32(m.Bytes(), 64), 0)
			w.Add(mem.Uint32(m.Bytes(), 128), 0)
			if err := take(f, m); err != nil {
				t.Fatal(name, err)
			}
			if err := w.Wait(time.Minute); err != nil {
				t.Errorf("%s, without futex_waitv %t: %v", name, without, err)
			}
			m.Unmap()
			f.Close()
		}
	}
}
