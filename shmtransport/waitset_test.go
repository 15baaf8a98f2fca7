//go:build linux

package shmtransport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// threads returns the number of threads of this process.
func threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("\nThreads:\t"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.Atoi(string(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// groupCounts returns the number of Readers in groups and the number of groups.
func (w *WaitSet) groupCounts() (readers, rows int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[*waiter]bool{}
	for _, r := range w.groups {
		for _, s := range r.ranges {
			seen[s.p] = true
		}
	}
	return len(seen), len(w.groups)
}

func (w *WaitSet) awaitGroups(done func(readers, rows int) bool) {
	for !done(w.groupCounts()) {
		time.Sleep(time.Millisecond)
	}
}

func TestWaitSet_ManyIdleReaders(t *testing.T) {
	const subscriptions = 300
	waits := new(WaitSet)
	rings := make([]*heapRing, subscriptions)
	before := threads(t)
	var wg sync.WaitGroup
	for i := range rings {
		rings[i] = newHeapRing(t, WriterOptions{})
		r := NewReader(waits, nil, ReaderOptions{Spin: -1})
		rings[i].connect(r, LinkRequest{})
		wg.Go(func() {
			for k := range 3 {
				s, err := r.Receive(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if got, want := string(s.Payload()), fmt.Sprint(i, k); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				s.Release()
			}
		})
	}
	for k := range 3 {
		waits.awaitGroups(func(readers, rows int) bool { return readers == subscriptions && rows == 3 })
		if more := threads(t) - before; more > 12 {
			t.Errorf("%d idle subscriptions take %d threads more", subscriptions, more)
		}
		for i, h := range rings {
			h.publish(fmt.Sprint(i, k))
		}
	}
	wg.Wait()
	waits.awaitGroups(func(_, rows int) bool { return rows == 0 })
}

// A subscription may have more publishers than one system call can wait for. Each of them wakes it.
func TestWaitSet_ReaderInSeveralGroups(t *testing.T) {
	const publishers = 2*groupWords + 50
	waits := new(WaitSet)
	r := NewReader(waits, nil, ReaderOptions{Spin: -1})
	rings := make([]*heapRing, publishers)
	for i := range rings {
		rings[i] = newHeapRing(t, WriterOptions{})
		rings[i].connect(r, LinkRequest{})
	}
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
	for _, i := range []int{0, groupWords, publishers - 1, 1} {
		waits.awaitGroups(func(readers, rows int) bool { return readers == 1 && rows == 3 })
		rings[i].publish(fmt.Sprint(i))
		if got, want := <-got, fmt.Sprint(i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	waits.awaitGroups(func(readers, _ int) bool { return readers == 1 })
	r.Close()
	<-got
	waits.awaitGroups(func(_, rows int) bool { return rows == 0 })
}

// Links that come while a reader of many sleeps are armed beside the others, which stay armed; a link that rang is armed again.
func TestReader_ManyLinksGrowWhileAsleep(t *testing.T) {
	waits := new(WaitSet)
	r := NewReader(waits, nil, ReaderOptions{Spin: -1})
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
	got := make(chan string)
	go func() {
		defer close(got)
		for {
			s, err := r.Receive(t.Context())
			if err != nil {
				return
			}
			got <- string(s.Payload())
			s.Release()
		}
	}()
	for i := range 20 {
		waits.awaitGroups(func(readers, _ int) bool { return readers == 1 })
		other := (*r.links.Load())[0].armed
		number := other.Load()
		grow()
		for (*r.links.Load())[len(rings)-1].armed.Load() == 0 {
			runtime.Gosched()
		}
		waits.awaitGroups(func(readers, _ int) bool { return readers == 1 })
		if now := other.Load(); now != number {
			t.Errorf("a new link changed the armed word of another one from %d to %d", number, now)
		}
		for _, k := range []int{len(rings) - 1, i, len(rings) - 1} {
			armed := (*r.links.Load())[k].armed
			for armed.Load() == 0 {
				runtime.Gosched()
			}
			before := armed.Load()
			rings[k].w.wakeReaders() // as for a sample that was taken before the bell rang
			for armed.Load() == before {
				runtime.Gosched()
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

func TestWaitSet_ContextAndClose(t *testing.T) {
	for name, c := range map[string]struct {
		set     func(*WaitSet)
		readers int
	}{
		"leader":    {func(*WaitSet) {}, 1},
		"followers": {func(*WaitSet) {}, 4},
		"alone":     {fillWarmSet, 1},
		"groups":    {useGroupsOnly, 4},
	} {
		t.Run(name, func(t *testing.T) {
			waits := new(WaitSet)
			c.set(waits)
			h := newHeapRing(t, WriterOptions{})
			for _, end := range []func(*Reader, func()){
				func(_ *Reader, cancel func()) { cancel() },
				func(r *Reader, _ func()) { r.Close() },
			} {
				var wg sync.WaitGroup
				for range c.readers {
					r := NewReader(waits, nil, ReaderOptions{Spin: -1})
					h.connect(r, LinkRequest{})
					ctx, cancel := context.WithCancel(t.Context())
					asleep := make(chan struct{})
					wg.Go(func() {
						defer cancel()
						close(asleep)
						if _, err := r.Receive(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, os.ErrClosed) {
							t.Errorf("got %v", err)
						}
					})
					<-asleep
					time.AfterFunc(3*time.Millisecond, func() { end(r, cancel) })
				}
				wg.Wait()
			}
		})
	}
}
