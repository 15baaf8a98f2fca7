package shmtransport

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// shortOfMemory returns a publisher whose memory has room for 4 samples of fourth bytes.
func shortOfMemory(t *testing.T, opts WriterOptions) *heapRing {
	opts.MemoryLimit = 4 * fourthSlot
	return newHeapRing(t, opts)
}

const (
	fourthSlot = 4096
	fourth     = fourthSlot - slotHeaderSize
)

// sized returns a payload of fourth bytes that begins with a number.
func sized(i int) string { return fmt.Sprintf("%-*d", fourth, i) }

// A lossless reader that takes nothing is waited for once, also where the memory ends before half of the ring, and again after it has taken
// something.
func TestShortMemory_LosslessTimeout(t *testing.T) {
	for _, depth := range []int{2, 4, 16, 64} {
		t.Run(fmt.Sprint("depth ", depth), func(t *testing.T) {
			h := shortOfMemory(t, WriterOptions{Depth: depth})
			r := h.reader(LinkRequest{Lossless: true, Timeout: time.Millisecond}, ReaderOptions{})
			ctx := boundedContext(t)
			for i := range 12 {
				if _, err := h.w.Publish(ctx, []byte(sized(i))); err != nil {
					t.Fatalf("sample %d: %v", i, err)
				}
			}
			if n := h.w.Stats().Waited; n != 1 {
				t.Errorf("%d publishes waited", n)
			}
			kept := min(depth, 4)
			for i := range kept {
				expect(t, r, sized(12-kept+i), uint64((12-kept)*max(0, 1-i)))
			}
			for i := range kept {
				h.publish(sized(i))
			}
			h.expectWait()
		})
	}
}

// A publisher without memory ends the rest of a reader, however long its LatencyBudget is, before it waits for that reader.
func TestLatencyBudget_ShortMemoryOfLossless(t *testing.T) {
	h := shortOfMemory(t, WriterOptions{Depth: 1024})
	r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{LatencyBudget: long})
	got, done := receiveAll(t, r), make(chan error, 1)
	// As if it had been woken before its ringWatch slept.
	h.w.readers[0].answeredArmed, h.w.readers[0].wakeAgain = r.awaitResting(), math.MaxUint64
	go func() {
		ctx := boundedContext(t)
		for i := range 100 {
			if _, err := h.w.Publish(ctx, []byte(sized(i))); err != nil {
				done <- err
			}
		}
		close(done)
	}()
	n := 0
	for publishing := true; publishing; {
		select {
		case s := <-got:
			if s != sized(n) {
				t.Errorf("got %.9q, not %d", s, n)
			}
			n++
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			publishing = false
		}
	}
	go r.Close()
	for range got {
	}
}

// A publisher that could soon take back what a reader that rests has not taken, or what KeepFor does not allow, wakes it. The reader loses
// nothing if it runs before the next sample but one, and it is not woken for each sample.
func TestLatencyBudget_ShortMemory(t *testing.T) {
	for name, c := range map[string]struct {
		opts        WriterOptions
		held        bool // another reader holds a sample all the time
		least, most int  // wake-ups for 120 samples
	}{
		"all slots":    {WriterOptions{}, false, 30, 60},
		"a slot held":  {WriterOptions{}, true, 40, 60},
		"keep for":     {WriterOptions{KeepFor: 9}, false, 30, 60},
		"never waits":  {WriterOptions{NeverWaits: true}, false, 30, 60},
		"volatile":     {WriterOptions{Volatile: true}, false, 30, 60},
		"initial size": {WriterOptions{InitialSampleSize: fourth}, false, 30, 60},
	} {
		t.Run(name, func(t *testing.T) {
			c.opts.Depth = 1024
			h := shortOfMemory(t, c.opts)
			r := h.reader(LinkRequest{}, ReaderOptions{LatencyBudget: long})
			expectNothing(t, r) // admitted
			remote, links := h.w.readers[0], *r.links.Load()
			other := h.reader(LinkRequest{Reader: 10}, ReaderOptions{})
			if !c.held {
				other.Close()
			}
			r.adaptRest(links)
			r.arm(links)
			woken, wakes := false, 0
			for i := range 120 {
				before := remote.wakeAgain
				h.publish(sized(i))
				if c.held && i == 0 {
					if _, ok, err := tryReceive(other); !ok || err != nil {
						t.Fatal(ok, err)
					}
				}
				if woken {
					r.disarm(links)
					drain(t, r)
					r.adaptRest(links)
					r.arm(links)
					woken, wakes = false, wakes+1
					continue
				}
				woken = remote.wakeAgain != before
			}
			if lost := r.Stats().Lost; lost != 0 || wakes < c.least || wakes > c.most {
				t.Errorf("%d lost, woken %d times", lost, wakes)
			}
		})
	}
}
