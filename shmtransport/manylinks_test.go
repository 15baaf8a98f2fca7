package shmtransport

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/shmbus/shmbus/shmtransport/internal/waitset"
)

// A subscription may have more publishers than one system call can wait for. Each of them wakes it.
func TestReader_SeveralHundredPublishers(t *testing.T) {
	const publishers = 2*manyLinks + 50
	r := NewReader(new(ReaderSet), nil, ReaderOptions{Spin: -1})
	rings := make([]*heapRing, publishers)
	for i := range rings {
		rings[i] = newHeapRing(t, WriterOptions{})
		rings[i].connect(r, LinkRequest{})
	}
	got := receiveAll(t, r)
	for round := range 4 {
		for _, i := range []int{0, manyLinks, publishers - 1, 1} {
			r.awaitArmed(i)
			if round > 0 {
				time.Sleep(2 * waitset.WarmTime) // cold
			}
			rings[i].publish(fmt.Sprint(i))
			if got, want := <-got, fmt.Sprint(i); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	r.Close()
	<-got
}

// receiveAll receives on a goroutine of its own until r is closed.
func receiveAll(t *testing.T, r *Reader) <-chan string {
	got := make(chan string)
	go func() {
		defer close(got)
		for {
			s, err := r.Receive(t.Context())
			if err != nil {
				if !errors.Is(err, os.ErrClosed) {
					t.Error(err)
				}
				return
			}
			got <- string(s.Payload())
			s.Release()
		}
	}()
	return got
}

// awaitArmed waits until the k-th link is armed, and returns the number.
func (r *Reader) awaitArmed(k int) (number uint32) {
	for number < armedFirst {
		runtime.Gosched()
		if links := *r.links.Load(); k < len(links) {
			number = links[k].armed.Load()
		}
	}
	return number
}

// Links that come while a reader of many sleeps are armed beside the others, which stay armed; a link that rang is armed again.
func TestReader_ManyLinksGrowWhileAsleep(t *testing.T) {
	r := NewReader(new(ReaderSet), nil, ReaderOptions{Spin: -1})
	defer r.Close()
	var rings []*heapRing
	grow := func() {
		ring := newHeapRing(t, WriterOptions{})
		ring.connect(r, LinkRequest{})
		rings = append(rings, ring)
	}
	for range manyLinks {
		grow()
	}
	got := receiveAll(t, r)
	for i := range 20 {
		r.awaitArmed(len(rings) - 1) // the last one that a sleep arms
		links := *r.links.Load()
		first := links[0].armed.Load()
		grow()
		last := len(rings) - 1
		for round, k := range []int{last, i, last} {
			before := r.awaitArmed(k)
			if round == 0 && i%2 == 1 {
				time.Sleep(2 * waitset.WarmTime) // cold
			}
			rings[k].w.wakeReaders() // as for a sample that was taken before the bell rang
			for r.awaitArmed(k) == before {
				runtime.Gosched()
			}
			if now := links[0].armed.Load(); round == 0 && now != first {
				t.Errorf("a new link changed the armed word of another one from %d to %d", first, now)
			}
			want := fmt.Sprint(i, k)
			rings[k].publish(want)
			if s := <-got; s != want {
				t.Fatalf("got %q, want %q", s, want)
			}
		}
	}
	r.Close()
	<-got
}
