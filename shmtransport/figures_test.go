package shmtransport

import (
	"sync"
	"testing"
)

func TestFiguresCanBeReadWhileTheyGrowHammer(t *testing.T) {
	const messages = 20_000 / slowdown
	h := newHeapRing(t, WriterOptions{Depth: 4})
	r := h.reader(LinkRequest{Lossless: true}, ReaderOptions{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for r.Figures().Messages < messages {
		}
	})
	wg.Go(func() {
		for h.w.Figures().Messages < messages {
		}
	})
	wg.Go(func() {
		for range messages {
			s, err := r.Receive(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			s.Release()
		}
	})
	for range messages {
		h.publish("x")
	}
	wg.Wait()
}
