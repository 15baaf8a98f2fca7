package shmtransport

import (
	"errors"
	"fmt"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
)

func TestKeys_HostileTable(t *testing.T) {
	for name, c := range map[string]struct {
		word    func(word uint64) uint64
		corrupt bool
	}{
		"no slot":          {func(w uint64) uint64 { return w | ring.Withdrawn }, true},
		"in an entry":      {func(w uint64) uint64 { return w&^ring.SlotMask | ring.InEntry | 5 }, true},
		"another sequence": {func(w uint64) uint64 { return w + 1<<ring.SlotBits }, false},
		"far sequence":     {func(w uint64) uint64 { return w + 1<<63 }, false},
		"no such arena":    {func(w uint64) uint64 { return w&^ring.SlotMask | 126<<ring.SlotIndexBits }, false},
		"no such slot":     {func(w uint64) uint64 { return w | (maxSlots - 1) }, false},
	} {
		for _, lost := range []bool{false, true} {
			for _, passive := range []bool{false, true} {
				t.Run(fmt.Sprint(name, lost, passive), func(t *testing.T) {
					h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 8})
					h.publishKey("other", "other")
					var failed error
					connect := func() *Reader {
						r := h.passiveReader(0)
						if !passive {
							r = h.reader(LinkRequest{}, ReaderOptions{})
						}
						r.opts.Failed = func(_ PublisherID, err error) { failed = err }
						return r
					}
					r := connect()
					expectOther := func() { expect(t, r, "other", 0) }
					expectOther()
					h.publishKey("a", "a")
					for i := range 4 {
						h.publishKey("b", fmt.Sprint(i))
					}
					entry := h.w.keys.index["a"]
					h.w.keys.words[entry].Store(c.word(h.w.keys.words[entry].Load()))
					if !lost {
						r = connect()
						if !c.corrupt {
							expectOther()
						}
					}
					for range 10 {
						s, ok, err := tryReceive(r)
						if err != nil || ok && string(s.Payload()) == "a" {
							t.Fatalf("got %q, %v", s.Payload(), err)
						}
						s.Release()
					}
					if found := errors.As(failed, new(*errdefs.CorruptError)); found != c.corrupt && !(lost && found) {
						t.Errorf("failed with %v", failed)
					}
				})
			}
		}
	}
}

func TestKeys_HostileHeader(t *testing.T) {
	for _, keys := range []uint32{MaxKeys + 1, 1<<32 - 1, MaxKeys} {
		h := newEntryRing(t, WriterOptions{Depth: 2, MaxKeys: 8})
		mem.Uint32(h.store.chunks[0].b, pubOffKeys).Store(keys)
		if _, err := openLink(h.store, h.w.ID()); !errors.As(err, new(*errdefs.CorruptError)) {
			t.Errorf("%d keys in a short file: %v", keys, err)
		}
	}
}
