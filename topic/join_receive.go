package topic

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// receive waits for the next set. The sets go to one goroutine at a time.
func (c *joinCore) receive(ctx context.Context) (joinSet, error) {
	defer c.callDropped() // after the turn
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return joinSet{}, ctx.Err()
	}
	defer func() { <-c.turn }()
	c.retry()
	for {
		set, ok, err := c.take()
		if ok || err != nil {
			return set, err
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return joinSet{}, ctx.Err()
		}
	}
}

// retry lets the inputs receive that had an error. The cause may be gone: samples may have been released.
func (c *joinCore) retry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, in := range c.sources {
		in.err = nil
	}
	c.changed()
}

// take returns the set that is formed, or why there is none.
func (c *joinCore) take() (set joinSet, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return set, false, errdefs.Closed("the join is closed")
	case c.match.formed:
		set = c.match.take(c.clock.Now())
		c.changed()
		return set, true, nil
	case c.match.over():
		return set, false, c.failure
	}
	for _, in := range c.sources {
		if in.err != nil {
			return set, false, in.err
		}
	}
	return set, false, nil
}

func (c *joinCore) stats() JoinStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.match.stats()
}

// close drops all samples and waits until the inputs receive no more.
func (c *joinCore) close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	c.cancel()
	c.timer.Stop()
	c.match.close()
	putToken(c.wake)
	idle := make(chan struct{})
	if c.receiving == 0 {
		close(idle)
	} else {
		c.idle = idle
	}
	c.mu.Unlock()
	c.callDropped()
	limit := time.NewTimer(joinCloseTimeout)
	defer limit.Stop()
	select {
	case <-idle:
	case <-limit.C:
	}
}

// joinDropBacklog is the number of dropped samples that may wait for the application's function. It is not called for more of
// them.
const joinDropBacklog = 1024

// noteDrop remembers a dropped sample for callDropped. It is called with mu held.
func (c *joinCore) noteDrop(input int, e joinEntry, reason JoinReason, err error) {
	if c.dropped == nil || len(c.drops) == joinDropBacklog {
		return
	}
	s := Sample[struct{}]{e.sample}
	d := JoinDrop{Input: input, Topic: s.Topic(), Publisher: s.Publisher(), Sequence: s.Sequence(), Reason: reason, Err: err}
	switch {
	case reason == NoStamp:
	case c.wall:
		d.Stamp = time.Unix(0, e.stamp)
	default:
		d.Stamp = s.Time()
	}
	c.drops = append(c.drops, d)
}

// callDropped calls the application's function for the samples that were dropped, unless another goroutine is doing that, which
// then goes on with these. It is used with no lock held.
func (c *joinCore) callDropped() {
	for c.dropped != nil {
		c.mu.Lock()
		if c.delivering || len(c.drops) == 0 {
			c.mu.Unlock()
			return
		}
		batch := c.drops
		c.drops, c.spareDrops = c.spareDrops[:0], nil
		c.delivering = true
		c.mu.Unlock()
		c.deliver(batch)
	}
}

func (c *joinCore) deliver(batch []JoinDrop) {
	defer func() { // also when the function panics
		c.mu.Lock()
		defer c.mu.Unlock()
		clear(batch)
		c.spareDrops, c.delivering = batch, false
	}()
	for _, d := range batch {
		c.dropped(d)
	}
}
