package service

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
)

// A callContext is the context of a handler. It costs nothing until the handler asks for Done.
type callContext struct {
	clock    clock.Clock
	deadline int64 // in nanoseconds of CLOCK_MONOTONIC; 0 = none

	observed atomic.Bool // Done was called: done and timer may be in use

	mu    sync.Mutex
	err   error // context.Canceled or context.DeadlineExceeded once it has ended
	cause error
	done  chan struct{} // made by the first Done
	timer *time.Timer   // runs if there is a deadline and done was made
}

// reset makes the context that of another call, which the server does not know yet. It reports false if it was observed, so that a
// goroutine may still wait for it.
func (c *callContext) reset(clk clock.Clock, deadline int64) bool {
	if c.observed.Load() {
		return false
	}
	c.clock, c.deadline, c.err, c.cause = clk, deadline, nil, nil
	return true
}

// finish ends the context after its handler has returned.
func (c *callContext) finish() {
	if c.observed.Load() {
		c.end(context.Canceled, nil)
	}
}

// end cancels the context. Only the first call has an effect.
func (c *callContext) end(err, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(err, cause)
}

func (c *callContext) endLocked(err, cause error) {
	if c.err != nil {
		return
	}
	c.err, c.cause = err, cause
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.done != nil {
		close(c.done)
	}
}

// result returns the error of a context that has ended, and the cause.
func (c *callContext) result() (err, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err, firstError(c.cause, c.err)
}

// Deadline implements context.Context.
func (c *callContext) Deadline() (time.Time, bool) {
	if c.deadline == 0 {
		return time.Time{}, false
	}
	return time.Now().Add(time.Duration(c.deadline - c.clock.Now())), true
}

// Done implements context.Context.
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.observed.Store(true)
		c.done = make(chan struct{})
		switch {
		case c.err != nil:
			close(c.done)
		case c.deadline != 0:
			c.timer = time.AfterFunc(time.Duration(c.deadline-c.clock.Now()), func() { c.end(context.DeadlineExceeded, nil) })
		}
	}
	return c.done
}

// Err implements context.Context.
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && c.deadline != 0 && c.clock.Now() >= c.deadline {
		c.endLocked(context.DeadlineExceeded, nil)
	}
	return c.err
}

// Value implements context.Context. Of a context that has ended it has what context.Cause asks for.
func (c *callContext) Value(key any) any {
	if c.Err() == nil {
		return nil
	}
	c.mu.Lock()
	cause := c.cause
	c.mu.Unlock()
	if cause == nil {
		return nil
	}
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return ended.Value(key)
}
