//go:build linux

package shmtransport

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A directory entry may be read while its owner reuses it for another link. The result belongs to one link, not to two.
func TestPeerFile_ConsistentRequestsHammer(t *testing.T) {
	d := newDomain(t)
	f := d.readerFile()
	p, err := OpenPeerFile(d.path(f.id, "reader"), f.id, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		defer done.Store(true)
		for n := range uint32(300_000 / slowdown) {
			s, err := f.request(LinkRequest{
				Publisher: PublisherID{Participant: 1, Number: n}, Subscription: n, History: n, Lossless: n%2 == 1, Timeout: time.Duration(n),
			})
			if err != nil {
				t.Error(err)
				return
			}
			f.freeEntry(s)
		}
	})
	seen := 0
	for !done.Load() {
		err := p.Requests(1, func(q LinkRequest) {
			seen++
			n := q.Publisher.Number
			if q.Subscription != n || q.History != n || q.Lossless != (n%2 == 1) || q.Timeout != time.Duration(n) || q.Generation != n+1 {
				t.Errorf("a mixture of requests: %+v", q)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	t.Logf("%d requests seen", seen)
}
