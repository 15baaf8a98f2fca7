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
			s, err := f.prepare(LinkRequest{
				Publisher: PublisherID{Participant: 1, Number: n}, Subscription: n, History: n, Lossless: n%2 == 1, Timeout: time.Duration(n),
			})
			if err != nil {
				t.Error(err)
				return
			}
			f.announce(s, linkStateRequested)
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

// When a publisher can see a request, a Receive of the reader looks at the link: the publisher may admit it, publish and end before the
// goroutine that connects runs again.
func TestConnect_LinksBeforeItRequests(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{})
	f := d.readerFile()
	r := NewReader(new(ReaderSet), nil, ReaderOptions{})
	defer r.Close()
	var hold sync.Once // Accept is called for two files
	held := make(chan struct{})
	connected := make(chan error)
	go func() {
		connected <- r.Connect(f, d.request(w, ConnectOptions{Accept: func(string, int) error {
			hold.Do(func() {
				r.mu.Lock() // the link is not added
				close(held)
			})
			return nil
		}}))
	}()
	<-held
	p, err := OpenPeerFile(d.path(f.id, "reader"), f.id, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	requests := func() (n int) {
		if err := p.Requests(w.ID().Participant, func(LinkRequest) { n++ }); err != nil {
			t.Error(err)
		}
		return n
	}
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; {
		if requests() != 0 {
			t.Error("the publisher sees a request of which the reader knows nothing yet")
			break
		}
	}
	r.mu.Unlock()
	if err := <-connected; err != nil {
		t.Fatal(err)
	}
	if n := requests(); n != 1 {
		t.Errorf("%d requests", n)
	}
}
