package topic

import (
	"context"
	"time"
)

// connectTimeout is how long NewPublisher and NewSubscriber wait for endpoints that exist already. A running participant
// answers within a millisecond. A stopped participant must not block others.
const (
	connectTimeout = time.Second
	connectTicks   = 20
)

// connectContext returns a context that ends with parent, or after connectTimeout of time in which this process could run. The time is
// counted in ticks, because a suspended machine gives the other side no chance to answer: a suspension of any length counts
// as one tick.
func connectContext(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	ticks := 0
	var tick func()
	tick = func() {
		if ticks++; ticks == connectTicks {
			cancel()
		} else if ctx.Err() == nil {
			time.AfterFunc(connectTimeout/connectTicks, tick)
		}
	}
	first := time.AfterFunc(connectTimeout/connectTicks, tick)
	return ctx, func() {
		first.Stop()
		cancel()
	}
}
