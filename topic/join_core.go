package topic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/shmtransport"
)

// joinCloseTimeout is how long Close waits for the inputs. Only a function of the application that closes the join while it
// receives makes it wait that long.
const joinCloseTimeout = time.Second

// joinCore is a join without its type parameters. Each input has a goroutine that receives from its subscriber.
//
// A goroutine receives only if there is room, so that an application that is slow has the effect that it has on a subscriber: the
// samples stay with the publisher.
type joinCore struct {
	sources []*joinSource
	clock   clock.Clock
	wall    bool // the stamps are wall-clock time
	dropped func(JoinDrop)

	ctx    context.Context // of the goroutines
	cancel context.CancelFunc
	done   sync.WaitGroup // the goroutines

	turn chan struct{} // holds one token while a goroutine is in receive
	wake chan struct{} // holds one token if that goroutine must check again

	mu         sync.Mutex
	match      *matcher
	timer      *time.Timer // calls onTimer
	armed      bool        // the timer runs
	receiving  int         // number of inputs that are receiving
	idle       chan struct{}
	closed     bool
	failure    error // why no further set can be formed
	drops      []JoinDrop
	spareDrops []JoinDrop
	delivering bool // a goroutine is calling dropped
}

// joinSource is an input without its type parameter.
type joinSource struct {
	sub         *subscriberCore
	receive     func(context.Context) (shmtransport.Sample, error)
	stampOf     func(shmtransport.Sample) (time.Time, error) // nil: the time of publishing
	minInterval time.Duration

	room    chan struct{} // holds one token if the goroutine must check again
	blocked bool          // the goroutine waits for a token, or will; guarded by joinCore.mu
	err     error         // of receive, until the application calls again; guarded by joinCore.mu
}

// joinSourceOf returns the input without its type parameter, nil if there is no subscriber.
func joinSourceOf[T any](in JoinInput[T]) *joinSource {
	if in.Subscriber == nil {
		return nil
	}
	src := &joinSource{sub: in.Subscriber.core, minInterval: in.MinInterval, room: make(chan struct{}, 1)}
	src.receive = func(ctx context.Context) (shmtransport.Sample, error) {
		s, err := in.Subscriber.Receive(ctx)
		return s.m, err
	}
	if in.Stamp == nil {
		return src
	}
	var s Sample[T]
	var t time.Time
	read := func([]byte) (err error) { // made once: the calls of an input run one after the other
		t, err = in.Stamp(s)
		return err
	}
	src.stampOf = func(m shmtransport.Sample) (time.Time, error) {
		s = Sample[T]{m}
		err := m.Read(read)
		s = Sample[T]{}
		return t, err
	}
	return src
}

// newJoinCore starts a join.
func newJoinCore(opts *JoinOptions, sources ...*joinSource) (*joinCore, error) {
	if opts == nil {
		opts = new(JoinOptions)
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	c := &joinCore{sources: sources, dropped: opts.Dropped, turn: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	intervals := make([]time.Duration, len(sources))
	for i, in := range sources {
		if in == nil {
			return nil, fmt.Errorf("join: input %d has no Subscriber", i)
		}
		if slices.ContainsFunc(sources[:i], func(earlier *joinSource) bool { return earlier.sub == in.sub }) {
			return nil, fmt.Errorf("join: the Subscriber of input %d, %q, is also that of another input; make a subscriber for each", i, in.sub.endpoint.Topic)
		}
		if in.minInterval < 0 {
			return nil, fmt.Errorf("join: MinInterval of input %d, %q, is %v, must not be negative", i, in.sub.endpoint.Topic, in.minInterval)
		}
		intervals[i] = in.minInterval
		c.wall = c.wall || in.stampOf != nil
	}
	size, err := joinQueueSize(opts, sources)
	if err != nil {
		return nil, err
	}
	maxWait := cmp.Or(opts.MaxWait, time.Second)
	if maxWait < 0 || maxWait > 1<<62 { // so that a deadline is not too large for its type
		maxWait = 0
	}
	c.match = newMatcher(intervals, opts.Tolerance, maxWait, size)
	c.match.dropped = c.noteDrop
	for i, in := range sources {
		c.match.inputs[i].lossless = in.sub.endpoint.Lossless
	}
	c.clock = sources[0].sub.p.clock
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.timer = time.AfterFunc(time.Hour, c.onTimer)
	c.timer.Stop()
	for i := range sources {
		c.done.Go(func() { c.run(i) })
	}
	return c, nil
}

// run receives the samples of an input.
func (c *joinCore) run(input int) {
	in := c.sources[input]
	for c.beginReceive(input) {
		var e joinEntry
		var stampErr error
		s, err := in.receive(c.ctx)
		if err == nil {
			e.sample = s
			e.stamp, stampErr = c.stamp(in, s)
		}
		c.mu.Lock()
		switch {
		case err != nil:
			c.receiveFailed(input, err)
		case c.closed:
			c.match.reject(input, e, JoinClosed, nil)
		case stampErr != nil:
			c.match.reject(input, e, NoStamp, stampErr)
		default:
			e.since = c.clock.Now()
			c.match.push(input, e)
		}
		c.endReceive()
		c.mu.Unlock()
		c.callDropped()
	}
}

// beginReceive waits until the input may receive. It returns false if the input gives no further sample.
func (c *joinCore) beginReceive(input int) bool {
	in := c.sources[input]
	for {
		c.mu.Lock()
		ended := c.ctx.Err() != nil || c.match.inputs[input].ended
		may := !ended && in.err == nil && c.match.hasRoom(input)
		if may {
			c.receiving++
		}
		in.blocked = !may
		c.mu.Unlock()
		if ended || may {
			return may
		}
		select {
		case <-in.room:
		case <-c.ctx.Done():
		}
	}
}

// endReceive is called with mu held.
func (c *joinCore) endReceive() {
	if c.receiving--; c.receiving == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
	c.changed()
}

// receiveFailed is called with mu held.
func (c *joinCore) receiveFailed(input int, err error) {
	in := c.sources[input]
	switch {
	case c.ctx.Err() != nil: // the join has ended
	case errors.Is(err, os.ErrClosed):
		if c.failure == nil {
			c.failure = fmt.Errorf("join: input %d, %q: %w", input, in.sub.endpoint.Topic, err)
		}
		c.match.end(input)
	default:
		in.err = fmt.Errorf("join: input %d, %q: %w", input, in.sub.endpoint.Topic, err)
	}
}

// stamp returns the time that a sample is joined by, in nanoseconds.
func (c *joinCore) stamp(in *joinSource, s shmtransport.Sample) (int64, error) {
	if !c.wall {
		return s.Stamp(), nil
	}
	if in.stampOf == nil {
		return Sample[struct{}]{s}.Time().UnixNano(), nil
	}
	t, err := in.stampOf(s)
	if err != nil {
		return 0, err
	}
	if year := t.UTC().Year(); year < 1678 || year > 2261 {
		return 0, errStampRange
	}
	return t.UnixNano(), nil
}

// changed is called with mu held after every change of match, and of the errors.
func (c *joinCore) changed() {
	over := c.match.over()
	if over {
		c.cancel()
	}
	if over || c.match.formed || slices.ContainsFunc(c.sources, func(in *joinSource) bool { return in.err != nil }) {
		putToken(c.wake)
	}
	for i, in := range c.sources {
		if in.blocked && in.err == nil && c.match.hasRoom(i) {
			putToken(in.room)
		}
	}
	if at, ok := c.match.deadline(); ok && !c.armed && !c.closed {
		c.armed = true
		c.timer.Reset(time.Duration(at - c.clock.Now()))
	}
}

// onTimer runs when a sample may have waited for too long.
func (c *joinCore) onTimer() {
	c.mu.Lock()
	c.armed = false
	c.match.expire(c.clock.Now())
	c.changed()
	c.mu.Unlock()
	c.callDropped()
}

// putToken makes the goroutine that waits for the channel check again.
func putToken(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
