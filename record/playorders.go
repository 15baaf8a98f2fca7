package record

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// A playStep is a request to publish some messages.
type playStep struct {
	left  int
	topic string // counts only messages on it; "" = all
	done  chan error
}

// A playSeek is a request to go on at another time.
type playSeek struct {
	to   func(position, first, last uint64) (uint64, error)
	at   uint64 // the result of to
	done chan error
}

// refuses reports whether the time cannot be sought, which it tells the requester.
func (s *playSeek) refuses(position, first, last uint64) bool {
	at, err := s.to(position, first, last)
	if err != nil {
		s.done <- err
		return true
	}
	s.at = at
	return false
}

// within returns a time of the recording.
func within(t, first, last uint64) (uint64, error) {
	if t > last {
		return 0, fmt.Errorf("the replay ends before: at %v, after %v", wallTime(last), duration(last-min(first, last)))
	}
	return t, nil
}

func (c *PlayControl) seekTo(ctx context.Context, to func(position, first, last uint64) (uint64, error)) error {
	s := &playSeek{to: to, done: make(chan error, 1)}
	return c.request(ctx, s.done, func() {
		if c.seek != nil {
			c.seek.done <- errors.New("another seek was requested")
		}
		c.seek = s
	})
}

// request stores a request and waits until it is done. With the end of ctx it is withdrawn.
func (c *PlayControl) request(ctx context.Context, done chan error, store func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return errPlayEnded
	}
	store()
	c.wake()
	c.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.step != nil && c.step.done == done {
		c.step = nil
	}
	if c.seek != nil && c.seek.done == done {
		c.seek = nil
	}
	return ctx.Err()
}

// A playOrder is what the player has to do before the next message.
type playOrder struct {
	err          error // of the context
	stop, paused bool
	rate         float64 // 0 = unchanged
	seek         *playSeek
	step         bool // publish the next message although paused
}

// orders returns what has been requested. At the end of ctx, or after Stop, it takes nothing: end refuses that.
func (c *PlayControl) orders(ctx context.Context) (o playOrder) {
	o.err = ctx.Err()
	if c == nil {
		return o
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.stop = c.stopped; o.stop || o.err != nil {
		return o
	}
	o = playOrder{paused: c.paused, rate: c.rate, seek: c.seek, step: c.step != nil}
	c.rate, c.seek = 0, nil
	return o
}

// stepped counts a message that was published because of a step.
func (c *PlayControl) stepped(topic string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.step
	if s == nil || s.topic != "" && s.topic != topic {
		return
	}
	if s.left--; s.left == 0 {
		s.done <- nil
		c.step = nil
	}
}

// isMax reports whether a rate is as fast as possible.
func isMax(rate float64) bool { return math.IsInf(rate, 1) }
