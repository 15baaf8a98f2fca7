//go:build linux

package shmtransport

import (
	"os"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// FuzzTruncatedFile lets a publisher write anything into its file, and change its length, while it is mapped.
func FuzzTruncatedFile(f *testing.F) {
	f.Add(uint32(0), uint8(0), scribble())
	f.Add(uint32(4096), uint8(3), scribble([3]uint64{pubOffState, 1, put32 | yield}))
	f.Add(uint32(12288), uint8(1), scribble([3]uint64{pubOffHead, 5, add64 | yield}, [3]uint64{pubOffRing, 1 << 22, add64 | yield}))
	f.Add(uint32(1<<20), uint8(9), scribble([3]uint64{pubOffArenas + arenaOffSlots, 1<<14 - 1, put32}, [3]uint64{pubOffArenas + arenaOffOffset, 4096, put64}))
	dir := newDomain(f).dir
	f.Fuzz(func(t *testing.T, size uint32, when uint8, writes []byte) {
		d := &domain{t: t, dir: dir}
		w := d.writer(WriterOptions{Depth: 4, MemoryLimit: 1 << 20})
		path := d.path(w.ID().Participant, "pub.1")
		whole := func() { truncate(t, path, w.store.(*fileStore).size) }
		defer w.Close()
		defer whole()
		for i := range 6 {
			if _, err := w.Publish(t.Context(), large()[:1+i*900]); err != nil {
				t.Fatal(err)
			}
		}
		page := mem.Alloc(linkPageSize)
		mem.Uint64(page, pageOffPublisher).Store(w.ID().Participant)
		mem.Uint32(page, pageOffNumber).Store(w.ID().Number)
		mem.Uint32(page, pageOffGen).Store(1)
		mem.Uint32(page, pageOffState).Store(pageCurrent)
		if err := w.Admit(LinkRequest{Reader: 9, Generation: 1, Publisher: w.ID(), History: 5}, page, func() {}, false); err != nil {
			t.Fatal(err)
		}
		v, err := openFileView(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := shm.OpenShared(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, err := f.Map(0, int(w.store.(*fileStore).size), true)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Unmap()
		s := scribbles(writes)
		step := 0
		readHostile(t, v, w.ID(), 5, when&16 != 0, when&32 != 0, func() bool {
			defer func() { step++ }()
			if step == int(when%16) {
				if err := os.Truncate(path, int64(size%(2<<20))); err != nil {
					t.Fatal(err)
				}
				return true
			}
			if step > int(when%16) {
				return false
			}
			return s.some(m.Bytes()) || len(s) > 0 || step < int(when%16)
		})
	})
}
