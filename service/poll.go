package service

import (
	"cmp"
	"context"
	"runtime"
	"time"

	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/topic"
)

const (
	defaultSpin   = 20 * time.Microsecond
	pollsPerCheck = 64 // polls between two checks of clock, ctx and scheduler
)

// A poller receives by TryReceive for a while before it sleeps, which finds a sample some 80 ns sooner than the spinning of Receive.
type poller[T any] struct {
	sub  *topic.Subscriber[T]
	spin time.Duration
}

// subscriberSpin returns the option Spin of the subscriber of a poller, for the one of Server or Client. On one processor the subscriber does what
// stands for spinning there.
func subscriberSpin(spin time.Duration) time.Duration {
	if process.OneProcessor() {
		return spin
	}
	return -1
}

// newPoller returns a poller. Spin is the option of Server or Client, and sub was made with subscriberSpin of it.
func newPoller[T any](sub *topic.Subscriber[T], spin time.Duration) poller[T] {
	spin = cmp.Or(spin, defaultSpin)
	if process.OneProcessor() {
		spin = -1
	}
	return poller[T]{sub, spin}
}

// receive waits for the next sample, for s. Each further copy of a sample would cost some 5 ns.
func (p *poller[T]) receive(ctx context.Context, s *topic.Sample[T]) (err error) {
	if p.spin < 0 {
		*s, err = p.sub.Receive(ctx)
		return err
	}
	var began time.Time
	for polls := 1; ; polls++ {
		var ok bool
		if *s, ok, err = p.sub.TryReceive(); ok || err != nil {
			return err
		}
		if polls%pollsPerCheck != 0 {
			continue
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case began.IsZero():
			began = time.Now()
		case time.Since(began) > p.spin:
			*s, err = p.sub.Receive(ctx)
			return err
		}
		runtime.Gosched()
	}
}
