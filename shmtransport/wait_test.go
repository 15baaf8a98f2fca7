package shmtransport

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"
)

func TestAReceiveThatSpinsEndsWithItsContext(t *testing.T) {
	h := newHeapRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{Spin: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := r.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	time.AfterFunc(time.Millisecond, r.Close)
	if _, err := r.Receive(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

// Nobody may sleep through a sample: each message waits for the answer to the one before, so every take sleeps or spins.
func TestNoWakeUpIsLostHammer(t *testing.T) {
	const turns = 20_000 / slowdown
	for name, opts := range map[string]ReaderOptions{"asleep": {Spin: -1}, "spinning first": {Spin: 2 * time.Microsecond}} {
		t.Run(name, func(t *testing.T) {
			ping, pong := newHeapRing(t, WriterOptions{Depth: 2}), newHeapRing(t, WriterOptions{Depth: 1})
			waits := new(Waits)
			left, right := NewReader(waits, nil, opts), NewReader(waits, nil, opts)
			ping.connect(right, LinkRequest{Lossless: true})
			pong.connect(left, LinkRequest{})
			go func() {
				for range turns {
					s, err := right.Receive(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					s.Release()
					pong.w.Publish(t.Context())
				}
			}()
			for range turns {
				ping.publish("ping")
				s, err := left.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				s.Release()
			}
		})
	}
}

func TestWaitingAllocatesNothing(t *testing.T) {
	h := newHeapRing(t, WriterOptions{})
	r := h.reader(LinkRequest{}, ReaderOptions{Spin: -1})
	armed := (*r.links.Load())[0].armed
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begin, payload := make(chan struct{}), []byte("payload")
	defer close(begin)
	go func() {
		for range begin {
			for armed.Load() == 0 {
				runtime.Gosched()
			}
			h.w.Publish(ctx, payload)
		}
	}()
	step := func() {
		begin <- struct{}{}
		s, err := r.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	for range 100 {
		step()
	}
	hundred := func() {
		for range 100 {
			step()
		}
	}
	if n := testing.AllocsPerRun(5, hundred); n != 0 {
		t.Errorf("%v allocations in 100 waits", n)
	}
}
