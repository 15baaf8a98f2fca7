package workload

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/topic"
)

// hop starts the waiting receivers and measures hops.
func hop(ctx context.Context, w *harness.Worker[Hop]) (any, error) {
	h := w.Request
	runtime.GOMAXPROCS(h.Procs)
	var receivers sync.WaitGroup
	defer receivers.Wait()
	all, stop := context.WithCancel(ctx)
	defer stop()
	received := make([]atomic.Uint64, h.Receivers)
	for i := range h.Receivers {
		opts := topic.SubscriberOptions[[]byte]{Spin: spinTime(h.Wait)}
		sub, err := topic.NewSubscriber(ctx, w.Participant, hopTopic(i), &opts)
		if err != nil {
			return nil, err
		}
		receivers.Go(func() { _ = sub.Handle(all, func(topic.Sample[[]byte]) { received[i].Add(1) }) }) // until the end
	}
	if err := w.Ready(); err != nil {
		return nil, err
	}
	select {
	case <-w.Messages():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return h.measure(ctx, func() (n uint64) {
		for i := range received {
			n += received[i].Load()
		}
		return n
	})
}

// A ping is what two goroutines send each other.
type ping struct {
	sent int64 // stamp
	took int64 // nanoseconds of the previous hop
}

// measure sends pings to another goroutine, which sends them back. Each way is a hop.
func (h *Hop) measure(ctx context.Context, received func() uint64) (HopResult, error) {
	c, there, back := clock.New(), make(chan ping), make(chan ping)
	defer close(there)
	go func() {
		for p := range there {
			now := c.Now()
			back <- ping{sent: now, took: now - p.sent}
		}
	}()
	delays := measure.NewRecorder()
	roundTrip := func() {
		if h.Pause > 0 {
			time.Sleep(h.Pause)
		}
		there <- ping{sent: c.Now()}
		p := <-back
		now := c.Now()
		delays.Record(p.took)
		delays.Record(now - p.sent)
	}
	for n := uint64(0); n < h.Warm; n += 2 {
		roundTrip()
	}
	delays.Reset()
	before, err := measure.ReadUsage()
	if err != nil {
		return HopResult{}, err
	}
	already, began, n := received(), c.Now(), uint64(0)
	for last := false; !last; {
		roundTrip()
		n += 2
		check := h.Pause > 0 || n%messagesPerClockRead == 0
		if check && ctx.Err() != nil {
			return HopResult{}, ctx.Err()
		}
		last = h.Count > 0 && n >= h.Count || h.Duration > 0 && check && time.Duration(c.Now()-began) >= h.Duration
	}
	took := c.Now() - began
	after, err := measure.ReadUsage()
	return HopResult{
		Count: n, Seconds: float64(took) / 1e9, Hops: delays.Result(), Received: received() - already, Usage: after.Since(before),
	}, err
}
