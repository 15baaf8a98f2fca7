package hop

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Bounce is the role of the process in which receivers wait and two goroutines talk over channels.
func Bounce(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "bouncer", bounce)
}

func bounce(ctx context.Context, at *stage.Post[Order]) (any, error) {
	o := at.Order
	runtime.GOMAXPROCS(o.Procs)
	var receivers sync.WaitGroup
	defer receivers.Wait()
	all, stop := context.WithCancel(ctx)
	defer stop()
	received := make([]atomic.Uint64, o.Receivers)
	for i := range o.Receivers {
		opts := topic.SubscriberOptions[[]byte]{Spin: pair.Spinning(o.Wait)}
		sub, err := topic.NewSubscriber(at.Participant, topicOf(i), &opts)
		if err != nil {
			return nil, err
		}
		receivers.Go(func() { _ = sub.Handle(all, func(topic.Sample[[]byte]) { received[i].Add(1) }) }) // until the end
	}
	if err := at.Ready(); err != nil {
		return nil, err
	}
	select {
	case <-at.Told():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return o.hops(ctx, func() (n uint64) {
		for i := range received {
			n += received[i].Load()
		}
		return n
	})
}

// A ball is what goes to and fro.
type ball struct {
	thrown int64 // stamp
	flew   int64 // how long the hop before took
}

// hops has one goroutine throw a ball to another, which throws it back; each way is a hop.
func (o *Order) hops(ctx context.Context, received func() uint64) (Result, error) {
	c, to, fro := clock.New(), make(chan ball), make(chan ball)
	defer close(to)
	go func() {
		for b := range to {
			now := c.Now()
			fro <- ball{thrown: now, flew: now - b.thrown}
		}
	}()
	delays := distribution.NewRecorder()
	throw := func() {
		if o.Pause > 0 {
			time.Sleep(o.Pause)
		}
		to <- ball{thrown: c.Now()}
		b := <-fro
		now := c.Now()
		delays.Record(b.flew)
		delays.Record(now - b.thrown)
	}
	for n := uint64(0); n < o.Warm; n += 2 {
		throw()
	}
	delays.Reset()
	before, err := usage.Now()
	if err != nil {
		return Result{}, err
	}
	already, began, n := received(), c.Now(), uint64(0)
	for last := false; !last; {
		throw()
		n += 2
		look := o.Pause > 0 || n%every == 0
		if look && ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		last = o.Count > 0 && n >= o.Count || o.Duration > 0 && look && time.Duration(c.Now()-began) >= o.Duration
	}
	took := c.Now() - began
	after, err := usage.Now()
	return Result{
		Count: n, Seconds: float64(took) / 1e9, Hops: delays.Result(), Received: received() - already, Usage: after.Since(before),
	}, err
}

// every is how many hops without a pause come between two looks at the clock.
const every = 256
