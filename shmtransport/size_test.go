package shmtransport

import (
	"errors"
	"testing"
)

func TestSlotSize_FitsAndWastesLittle(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, largeSlot - 1, largeSlot, largeSlot + 1, 1 << 20, 1<<20 + 1, 256 << 20, 1<<30 - 1, int(largestPayload)} {
		size := slotSizeFor(n)
		if size < n || size%slotAlign != 0 || int64(size) > int64(n)+int64(n)/8+largeSlot {
			t.Errorf("payload %d: slot of %d", n, size)
		}
	}
}

func TestWriterOptions_LargestPayload(t *testing.T) {
	if _, err := (WriterOptions{MaxPayload: int(largestPayload) + 1}).withDefaults(); err == nil {
		t.Errorf("a payload of %d bytes is allowed", largestPayload+1)
	}
	if _, err := (WriterOptions{MaxPayload: int(largestPayload)}).withDefaults(); err != nil {
		t.Error(err)
	}
}

// Parts may be the same bytes many times over, so their sum can exceed the largest int where ints are short.
func TestPublish_PartsLargerThanInt(t *testing.T) {
	h := newHeapRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{})
	part := make([]byte, 64<<20)
	parts := make([][]byte, 65) // 4 GiB and 64 MiB
	for i := range parts {
		parts[i] = part
	}
	var large *TooLargeError
	if _, err := h.w.PublishV(t.Context(), parts...); !errors.As(err, &large) || large.Size <= large.Limit {
		t.Fatalf("got %v, want a *TooLargeError", err)
	}
	expectNothing(t, r)
}
