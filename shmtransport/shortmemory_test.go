package shmtransport

import (
	"fmt"
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
