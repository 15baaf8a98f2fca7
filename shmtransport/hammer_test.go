package shmtransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fillTagged fills a payload so that a mixture of two samples shows.
func fillTagged(b []byte, tag uint64) {
	for i := range b {
		b[i] = byte(tag >> (8 * (i % 8)))
	}
}

func checkTagged(b []byte) error {
	if len(b) < 8 {
		return fmt.Errorf("%d bytes", len(b))
	}
	tag := binary.LittleEndian.Uint64(b)
	for i, c := range b {
		if c != byte(tag>>(8*(i%8))) {
			return fmt.Errorf("byte %d of %d belongs to another sample", i, len(b))
		}
	}
	return nil
}

// A stress is publishers and readers that do everything to one ring at the same time.
type stress struct {
	*heapRing
	mu       sync.Mutex // guards heapRing.links
	released chan Sample
	tags     atomic.Uint64
	refused  atomic.Int64 // publishes without space
	growing  bool         // payloads get larger
}

func (c *stress) addReader(q LinkRequest, waits *ReaderSet, opts ReaderOptions) *Reader {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := NewReader(waits, nil, opts)
	c.connect(r, q)
	return r
}

// publish publishes n samples, each in a way chosen at random.
func (c *stress) publish(n int) error {
	ctx := c.t.Context()
	buf := make([]byte, 70_000)
	for i := range n {
		size := 8 + rand.IntN(200)
		if c.growing {
			size += rand.IntN(1 + 60_000*i/n) // so that slots become too small
		}
		if rand.IntN(200) == 0 {
			size = copyOutsideLock + 1 + rand.IntN(1000)
		}
		tag := c.tags.Add(1) * 0x9e3779b97f4a7c15
		var err error
		switch rand.IntN(4) {
		case 0:
			var l Loan
			if l, err = c.w.Loan(ctx, size); err == nil {
				fillTagged(l.Bytes()[:size], tag)
				_, err = l.Commit(ctx, size)
			}
		case 1:
			var l Loan
			if l, err = c.w.Loan(ctx, size); err == nil {
				fillTagged(l.Bytes()[:size], tag)
				l.Discard()
			}
		case 2:
			fillTagged(buf[:size], tag)
			_, err = c.w.PublishV(ctx, buf[:size/3], nil, buf[size/3:size])
		default:
			fillTagged(buf[:size], tag)
			_, err = c.w.Publish(ctx, buf[:size])
		}
		var space *NoSlotError
		if errors.As(err, &space) {
			c.refused.Add(1)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read takes samples until ctx ends or limit are taken, and releases them here, in releaseAll, or later.
func (c *stress) read(ctx context.Context, r *Reader, q LinkRequest, limit int) error {
	var last uint64
	for i := range limit {
		s, err := r.Receive(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		// Samples of the history may follow on others that were taken back before the reader came, while a reader held an older one.
		history := i < int(q.History)
		if last != 0 && (s.Sequence() != last+1+s.Lost() || q.Lossless && !history && s.Lost() != 0) {
			return fmt.Errorf("sample %d after %d with %d lost (lossless: %t, history %d)", s.Sequence(), last, s.Lost(), q.Lossless, q.History)
		}
		last = s.Sequence()
		if err := checkTagged(s.Payload()); err != nil {
			return fmt.Errorf("sample %d: %w", s.Sequence(), err)
		}
		if rand.IntN(3) == 0 {
			c.released <- s
		} else {
			s.Release()
		}
	}
	return nil
}

// releaseAll holds a few samples for a while and releases them in another order.
func (c *stress) releaseAll() error {
	var held []Sample
	release := func(i int) error {
		s := held[i]
		held = append(held[:i], held[i+1:]...)
		if err := checkTagged(s.Payload()); err != nil {
			return fmt.Errorf("held sample %d: %w", s.Sequence(), err)
		}
		s.Release()
		s.Release()
		return nil
	}
	for s := range c.released {
		held = append(held, s)
		if len(held) > 6 {
			if err := release(rand.IntN(len(held))); err != nil {
				return err
			}
		}
	}
	for len(held) > 0 {
		if err := release(0); err != nil {
			return err
		}
	}
	return nil
}

// churn connects readers that take a few samples and close with some of them held.
func (c *stress) churn(ctx context.Context, waits *ReaderSet) error {
	for ctx.Err() == nil {
		if err := c.visit(ctx, waits); err != nil {
			return err
		}
		if rand.IntN(4) == 0 {
			c.w.Prune()
		}
	}
	return nil
}

func (c *stress) visit(ctx context.Context, waits *ReaderSet) error {
	q := LinkRequest{Lossless: rand.IntN(3) == 0, History: uint32(rand.IntN(3))}
	r := c.addReader(q, waits, ReaderOptions{MaxHeld: 16, Spin: -1})
	defer r.Close()
	some, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	if err := c.read(some, r, q, rand.IntN(10)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s, ok, err := tryReceive(r)
	if ok {
		r.Close()
		c.released <- s
	}
	return err
}

func TestRing_AllOperationsHammer(t *testing.T) { inSlotsAndEntries(t, testRing_AllOperationsHammer) }

func testRing_AllOperationsHammer(t *testing.T, newRing ringMaker) {
	for _, opts := range []WriterOptions{
		{Depth: 1},
		{Depth: 2, MemoryLimit: 90 << 10},
		{Depth: 8, MemoryLimit: 90 << 10},
		{Depth: 4, MemoryLimit: 600 << 10},
		{Depth: 32},
		{Depth: 32, Volatile: true},
		{Depth: 8, MemoryLimit: 90 << 10, Volatile: true},
		{Depth: 4, MemoryLimit: 600 << 10, Volatile: true},
	} {
		t.Run(fmt.Sprintf("depth %d, limit %d, volatile %t", opts.Depth, opts.MemoryLimit, opts.Volatile), func(t *testing.T) {
			c := &stress{heapRing: newRing(t, opts), released: make(chan Sample, 4), growing: opts.MemoryLimit > 100<<10}
			waits := new(ReaderSet)
			idle := 0
			if opts.Depth%4 == 0 {
				idle = mostIdle
			}
			var publishers, readers, visitors, releaser sync.WaitGroup
			run := func(wg *sync.WaitGroup, f func() error) {
				wg.Go(func() {
					if err := f(); err != nil {
						t.Error(err)
					}
				})
			}
			var all []*Reader
			for i := range 5 {
				q := LinkRequest{Lossless: i >= 3}
				ctx, ended := context.WithCancel(t.Context())
				r := c.addReader(q, waits, ReaderOptions{
					Spin: []time.Duration{0, -1}[i/2%2], MaxHeld: 16, Ended: func(PublisherID) { ended() },
				})
				c.addIdleLinks(r, idle)
				all = append(all, r)
				run(&readers, func() error { return c.read(ctx, r, q, 1<<30) })
			}
			leave, stopVisitors := context.WithCancel(t.Context())
			for range 2 {
				run(&visitors, func() error { return c.churn(leave, waits) })
			}
			run(&releaser, c.releaseAll)
			for range 2 {
				run(&publishers, func() error { return c.publish(min(1000*opts.Depth, 6000) / min(slowdown, 2*opts.Depth)) })
			}
			publishers.Wait()
			stopVisitors()
			visitors.Wait()
			published := c.w.Sequence()
			c.w.Close()
			readers.Wait()
			close(c.released)
			releaser.Wait()

			for i, r := range all {
				if f := r.Stats(); f.Messages+f.Lost != published {
					t.Errorf("reader %d: %d received + %d lost, %d published", i, f.Messages, f.Lost, published)
				}
				r.Close()
				if n := r.Stats().Held; n != 0 {
					t.Errorf("reader %d: %d samples held", i, n)
				}
			}
			c.checkSlots()
			empty := 0
			for _, a := range c.w.pool.arenas {
				if a.punched {
					empty++
				}
			}
			t.Logf("%d published, %d refused, %d slots in %d arenas, %d of them given back", published, c.refused.Load(), c.w.pool.total, len(c.w.pool.arenas), empty)
		})
	}
}

// checkSlots checks that every slot is in exactly one state.
func (c *stress) checkSlots() {
	c.t.Helper()
	seen := make(map[slotID]int)
	nowhere := 0
	for _, a := range c.w.pool.arenas {
		if a.punched {
			nowhere += a.slots
		}
		for _, id := range a.free {
			seen[id]++
		}
	}
	for _, id := range c.w.pool.retired {
		seen[id]++
	}
	for _, id := range c.w.inRing {
		if id != noSlot {
			seen[id]++
		}
	}
	for id, n := range seen {
		if n != 1 {
			c.t.Errorf("slot %#x is in %d places", id, n)
		}
	}
	if len(seen)+nowhere != c.w.pool.total || c.w.loans != 0 || c.w.waiting != 0 || c.w.sleepers != 0 {
		c.t.Errorf("%d of %d slots accounted for, %d loans, %d waiting, %d asleep", len(seen), c.w.pool.total, c.w.loans, c.w.waiting, c.w.sleepers)
	}
}
