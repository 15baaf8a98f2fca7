package topic

import (
	"context"
	"time"
)

// connectTimeout is how long NewPublisher and NewSubscriber wait for those that are there already. A participant that runs
// answers in a millisecond; one that is stopped must not stop others.
const (
	connectTimeout = time.Second
	connectTicks   = 20
)

// answerTime returns a context that ends after connectTimeout of time in which this process could run. It is counted in ticks,
// because of a machine that stood still nobody can say that it did not answer: however long that lasted, it is one tick.
func answerTime() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
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
