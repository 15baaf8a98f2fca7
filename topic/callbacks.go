package topic

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// logTimeout is how long Close waits for the log handler. Only a handler that closes the participant makes it wait that long.
const logTimeout = time.Second

// callbacks are calls of functions of the application, made one after the other with no lock held: on a goroutine of their
// own, or within flush. The zero value is ready for use.
type callbacks struct {
	pending atomic.Bool // queue is not empty
	mu      sync.Mutex
	queue   []func()
	running bool
	idle    chan struct{} // closed at the end of the call that runs, nil while none does
}

// add queues a call. It may be used with locks held.
func (c *callbacks) add(f func()) {
	c.mu.Lock()
	c.queue = append(c.queue, f)
	c.pending.Store(true)
	c.mu.Unlock()
	go c.flush()
}

// flush makes the queued calls, unless another goroutine is making calls, which then makes these too. It must be used with
// no lock held. It may be used within a call.
func (c *callbacks) flush() {
	if c.pending.Load() {
		c.run()
	}
}

func (c *callbacks) run() {
	for {
		c.mu.Lock()
		if c.running || len(c.queue) == 0 {
			c.mu.Unlock()
			return
		}
		f := c.queue[0]
		c.queue = c.queue[1:]
		c.pending.Store(len(c.queue) > 0)
		c.running, c.idle = true, make(chan struct{})
		c.mu.Unlock()
		c.call(f)
	}
}

func (c *callbacks) call(f func()) {
	defer func() { // also when f panics
		c.mu.Lock()
		defer c.mu.Unlock()
		close(c.idle)
		c.running, c.idle = false, nil
	}()
	f()
}

// finish makes the queued calls and waits for the one that runs on another goroutine, at most for limit: within a call it
// would wait for itself.
func (c *callbacks) finish(limit time.Duration) {
	end := time.NewTimer(limit)
	defer end.Stop()
	for {
		c.flush()
		c.mu.Lock()
		idle := c.idle
		c.mu.Unlock()
		if idle == nil {
			return
		}
		select {
		case <-idle:
		case <-end.C:
			return
		}
	}
}

// logBacklog is the number of log records that may wait for the handler.
const logBacklog = 1000

// logCalls are the calls of an application's log handler.
type logCalls struct {
	callbacks

	backlog sync.Mutex // guards what follows
	waiting int        // records in the queue
	dropped int        // records dropped since the last one that was queued
}

// A queuedHandler passes log records to an application's handler through logCalls. No method of that handler is called elsewhere: records are
// logged with locks held.
type queuedHandler struct {
	handler func() slog.Handler // called as the handler's methods are
	calls   *logCalls
}

func (h queuedHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h queuedHandler) Handle(ctx context.Context, r slog.Record) error {
	c := h.calls
	c.backlog.Lock()
	defer c.backlog.Unlock()
	if c.waiting == logBacklog {
		c.dropped++
		return nil
	}
	r = r.Clone()
	if c.dropped > 0 {
		r.AddAttrs(slog.Int("dropped_before", c.dropped))
	}
	c.waiting, c.dropped = c.waiting+1, 0
	c.add(func() {
		c.backlog.Lock()
		c.waiting--
		c.backlog.Unlock()
		if to := h.handler(); to.Enabled(ctx, r.Level) {
			_ = to.Handle(ctx, r) // slog.Logger ignores the error, too
		}
	})
	return nil
}

func (h queuedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return queuedHandler{func() slog.Handler { return h.handler().WithAttrs(attrs) }, h.calls}
}

func (h queuedHandler) WithGroup(name string) slog.Handler {
	return queuedHandler{func() slog.Handler { return h.handler().WithGroup(name) }, h.calls}
}
