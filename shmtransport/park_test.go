//go:build linux

package shmtransport

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// threads returns how many threads this process has now.
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

func TestManyIdleSubscriptionsTakeFewThreads(t *testing.T) {
	const subscriptions = 300
	waits := new(Waits)
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
		for parked := 0; parked < subscriptions-2*directSleeps; time.Sleep(time.Millisecond) {
			parked = 0
			waits.lot.mu.Lock()
			for _, row := range waits.lot.rows {
				parked += len(row.parked)
			}
			waits.lot.mu.Unlock()
		}
		if more := threads(t) - before; more > 3*directSleeps {
			t.Errorf("%d idle subscriptions take %d threads more", subscriptions, more)
		}
		for i, h := range rings {
			h.publish(fmt.Sprint(i, k))
		}
	}
	wg.Wait()
	for rows := 1; rows > 0; time.Sleep(time.Millisecond) {
		waits.lot.mu.Lock()
		rows = len(waits.lot.rows)
		waits.lot.mu.Unlock()
	}
}

func TestCloseEndsAParkedReceive(t *testing.T) {
	waits := new(Waits)
	waits.direct.Store(directSleeps) // no thread for anybody
	h := newHeapRing(t, WriterOptions{})
	r := NewReader(waits, nil, ReaderOptions{Spin: -1})
	h.connect(r, LinkRequest{})
	got := make(chan error)
	go func() {
		_, err := r.Receive(t.Context())
		got <- err
	}()
	time.Sleep(holdFor + 5*time.Millisecond)
	r.Close()
	if err := <-got; !errors.Is(err, os.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}
