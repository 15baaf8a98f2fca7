package record

import (
	"context"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// Clock is a sample on PlayOptions.Clock. It is encoded as JSON.
type Clock struct {
	Time int64 `json:"time"` // of the recording, in ns since 1970
}

// defaultClockInterval is the default of PlayOptions.ClockInterval.
const defaultClockInterval = 25 * time.Millisecond

// A playClock publishes the time of the recording. A nil one does nothing.
type playClock struct {
	*topic.Publisher[Clock]
	interval time.Duration
	last     uint64        // time published
	next     time.Duration // when the next one is due while nothing else happens
	ctx      context.Context
}

func newPlayClock(ctx context.Context, p *topic.Participant, o *PlayOptions) (*playClock, error) {
	if o.Clock == "" {
		return nil, nil
	}
	pub, err := topic.NewPublisher(ctx, p, o.Clock, &topic.PublisherOptions[Clock]{Codec: serde.JSON[Clock](), Latched: true})
	if err != nil {
		return nil, fmt.Errorf("publish the clock: %w", err)
	}
	return &playClock{Publisher: pub, interval: o.ClockInterval, ctx: ctx}, nil
}

func (c *playClock) close() {
	if c != nil {
		c.Publisher.Close()
	}
}

// publish publishes the time of a message before the message, unless the clock has shown it.
func (c *playClock) publish(ctx context.Context, t uint64) error {
	if c == nil || t == c.last {
		return nil
	}
	c.last = t
	if _, err := c.Publish(ctx, Clock{int64(t)}); err != nil {
		return fmt.Errorf("publish the clock: %w", err)
	}
	return nil
}

// tick publishes the time t while the player waits until due, and returns when the next tick is due before that.
func (c *playClock) tick(t uint64, now, due time.Duration, rate float64) (time.Duration, bool) {
	if c == nil {
		return 0, false
	}
	if now >= c.next || c.next > now+c.interval {
		c.next = now + c.interval
		// An error comes again with the next message.
		_ = c.publish(c.ctx, t)
	}
	return c.next, c.next < due
}
