//go:build linux

package shmtransport

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
)

// FuzzRequests reads any content of any length in place of another participant's reader file.
func FuzzRequests(f *testing.F) {
	const reader = 9
	entry := func(state uint32, policy uint32, timeout uint64) []byte {
		b := mem.Alloc(rdrOffGroups + linkEntrySize)
		mem.Uint32(b, rdrOffUsed).Store(1)
		mem.Uint32(b, rdrOffChanges).Store(1)
		e := b[rdrOffGroups:]
		mem.Uint32(e, linkOffState).Store(state)
		mem.Uint32(e, linkOffGeneration).Store(1)
		mem.Uint64(e, linkOffPublisher).Store(7)
		mem.Uint32(e, linkOffNumber).Store(1)
		mem.Uint32(e, linkOffHistory).Store(historyAll)
		mem.Uint32(e, linkOffPolicy).Store(policy)
		mem.Uint64(e, linkOffTimeout).Store(timeout)
		return b
	}
	f.Add(uint32(0), []byte{})
	f.Add(uint32(100), entry(linkStateRequested, 0, 0))
	f.Add(uint32(rdrOffGroups+10), entry(linkStateRequested, 0, 0))
	f.Add(uint32(linkPageOffset(0)), entry(linkStateRequested, policyLossless, 1<<63))
	f.Add(uint32(linkPageOffset(1)), entry(linkStateRequested, policyLossless, 1<<63-1))
	f.Add(uint32(linkPageOffset(1)), entry(linkStateDeclined, 7, 1))
	many := entry(linkStateRequested, 0, 0)
	mem.Uint32(many, rdrOffUsed).Store(1<<32 - 1)
	f.Add(uint32(rdrFileSize), many)
	path := f.TempDir() + "/reader"
	f.Fuzz(func(t *testing.T, size uint32, content []byte) {
		content = content[:min(len(content), rdrOffGroups+linkPageSize)]
		if len(content) > rdrOffUsed { // most inputs should get past the first checks
			binary.NativeEndian.PutUint64(content[rdrOffMagic:], readerMagic)
			binary.NativeEndian.PutUint32(content[rdrOffVersion:], LayoutVersion)
			binary.NativeEndian.PutUint64(content[rdrOffOwner:], reader)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, int64(size%(rdrFileSize+1))); err != nil {
			t.Fatal(err)
		}
		h := newHeapRing(t, WriterOptions{})
		p, err := OpenPeerFile(path, reader, nil)
		if err != nil {
			return
		}
		defer p.Close()
		seen := 0
		err = p.Requests(h.w.ID().Participant, func(q LinkRequest) {
			if seen++; seen > MaxLinks {
				t.Fatal("more requests than links")
			}
			if q.Timeout < 0 || q.Reader != reader || q.Publisher.Participant != h.w.ID().Participant {
				t.Fatalf("%+v", q)
			}
			page, release, err := p.Page(q.Link)
			if err != nil {
				return
			}
			h.w.Admit(q, page, release, true)
		})
		if err == nil {
			h.publish("sample")
		}
	})
}
