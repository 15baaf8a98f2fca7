package goal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// ClientOptions are the limits of a client and the serialization of its values. The zero value suits most clients.
type ClientOptions[G, F, R any] struct {
	GoalCodec     serde.Codec[G] // default serde.Default[G]()
	FeedbackCodec serde.Codec[F] // default serde.Default[F]()
	ResultCodec   serde.Codec[R] // default serde.Default[R]()

	// MaxGoals is the number of goals that have not ended and that the client follows at once; default 16, at most 470. A further one is
	// ErrBusy.
	MaxGoals int
	// Wait makes Start and Find wait for a server, until their ctx ends, where they would return service.ErrNoServer.
	Wait bool

	MaxPayload  int   // bytes of the largest goal, with headers; default 256 MiB
	MemoryLimit int64 // bytes of all requests to one server; default 1 GiB
}

// A Client starts goals at the server of one name, and finds them again.
type Client[G, F, R any] struct {
	calls   *service.Client[request[G], []byte]
	opts    ClientOptions[G, F, R]
	places  chan struct{} // one token for each goal that is followed
	cancels chan struct{} // one for each cancel
	follows sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	running int // goals whose end is not known
}

// cancelCalls is the number of calls that are kept free of goals, so that these can be cancelled.
const cancelCalls = maxStreams - 470

// NewClient creates a client. It returns as service.NewClient does. No server needs to exist. ctx bounds only this.
func NewClient[G, F, R any](ctx context.Context, p *topic.Participant, name string, opts *ClientOptions[G, F, R]) (*Client[G, F, R], error) {
	c := new(Client[G, F, R])
	if opts != nil {
		c.opts = *opts
	}
	if c.opts.MaxGoals < 0 || c.opts.MaxGoals > maxStreams-cancelCalls {
		return nil, fmt.Errorf("start goals of %q: MaxGoals is %d, must be at most %d; 0 means %d", name, c.opts.MaxGoals, maxStreams-cancelCalls, maxGoals)
	}
	c.opts.MaxGoals = cmp.Or(c.opts.MaxGoals, maxGoals)
	goals, updates, err := codecs(c.opts.GoalCodec, c.opts.FeedbackCodec, c.opts.ResultCodec)
	if err != nil {
		return nil, fmt.Errorf("start goals of %q: %w", name, err)
	}
	c.opts.FeedbackCodec, c.opts.ResultCodec = updates.feedback, updates.result
	c.places, c.cancels = make(chan struct{}, c.opts.MaxGoals), make(chan struct{}, cancelCalls)
	c.calls, err = service.NewClient(ctx, p, name, &service.ClientOptions[request[G], []byte]{
		RequestCodec: goals, ResponseCodec: updates, MaxCalls: c.opts.MaxGoals + cancelCalls,
		MaxPayload: c.opts.MaxPayload, MemoryLimit: c.opts.MemoryLimit,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Start starts a goal with a new id. It returns when the server has accepted the goal, or a *RejectedError. If ctx ends before, the goal
// is cancelled. The errors of a server that cannot be asked are those of package service.
func (c *Client[G, F, R]) Start(ctx context.Context, v G) (*Handle[F, R], error) {
	return c.StartWithID(ctx, NewID(), v)
}

// StartWithID is Start with an id from NewID that the application has stored, to find the goal after its own restart.
func (c *Client[G, F, R]) StartWithID(ctx context.Context, id ID, v G) (*Handle[F, R], error) {
	h, err := c.open(ctx, request[G]{id, opStart, v})
	var reason *service.HandlerError
	if errors.As(err, &reason) {
		return nil, &RejectedError{Service: c.Name(), ID: id, Reason: reason}
	}
	return h, err
}

// Find returns a goal that a client has started, this one or another, also one that has ended if its result is kept. The error is
// ErrUnknown if the server does not have the goal.
func (c *Client[G, F, R]) Find(ctx context.Context, id ID) (*Handle[F, R], error) {
	return c.open(ctx, request[G]{id: id, op: opFollow})
}

// open begins to follow a goal. It returns when the first update is there.
func (c *Client[G, F, R]) open(ctx context.Context, r request[G]) (*Handle[F, R], error) {
	if c.opts.Wait {
		if err := c.calls.WaitForServer(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.begin(ctx); err != nil {
		return nil, fmt.Errorf("follow goal %v of %q: %w", r.id, c.Name(), err)
	}
	h := newHandle(c, r.id)
	known := make(chan error, 1)
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer c.follows.Done()
		defer func() { <-c.places }()
		defer h.over()
		defer stop()
		follow(following, c.calls, h, r, known)
	}()
	select {
	case err := <-known:
		if err != nil {
			return nil, err
		}
		return h, nil
	case <-ctx.Done():
		stop()
		err := fmt.Errorf("wait for the server of goal %v of %q: %w", r.id, c.Name(), ctx.Err())
		if why := new(service.CallError); errors.As(<-known, &why) && registry.StateOf(why.Server) == registry.StateStopped {
			err = fmt.Errorf("%w: %s, pid %d, %s, is stopped by a signal or a debugger", err, why.Server.Unit, why.Server.PID, why.Server.Executable)
		}
		return nil, err
	}
}

// begin takes a place for a goal. It waits for one while a goroutine that has followed a goal to its end has not returned.
func (c *Client[G, F, R]) begin(ctx context.Context) error {
	c.mu.Lock()
	switch {
	case c.closed:
		c.mu.Unlock()
		return os.ErrClosed
	case c.running == c.opts.MaxGoals:
		c.mu.Unlock()
		return fmt.Errorf("%w: %d have not ended; wait for one, or raise MaxGoals of the client", ErrBusy, c.opts.MaxGoals)
	}
	c.running++
	c.follows.Add(1)
	c.mu.Unlock()
	select {
	case c.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		c.end()
		c.follows.Done()
		return ctx.Err()
	}
}

// end counts a goal whose end is known.
func (c *Client[G, F, R]) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
}

// requestCancel asks the server to cancel a goal.
func (c *Client[G, F, R]) requestCancel(ctx context.Context, id ID) error {
	select {
	case c.cancels <- struct{}{}:
		defer func() { <-c.cancels }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for b, err := range c.calls.Stream(ctx, request[G]{id: id, op: opCancel}) {
		var reason *service.HandlerError
		if errors.As(err, &reason) {
			return &CancelRefusedError{Service: c.Name(), ID: id, Reason: reason}
		}
		if err != nil {
			return err
		}
		if _, err := parseUpdate(b); err != nil {
			return err
		}
		return ErrUnknown
	}
	return nil
}

// takenTimeout bounds the wait for another server where one ends between the look for it and the send.
const takenTimeout = time.Second

// taken tells a server that is connected that it need not keep the result. Otherwise it keeps it for its time: the caller has the result and
// waits for no server.
func (c *Client[G, F, R]) taken(id ID) {
	if len(c.calls.Servers()) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), takenTimeout)
		defer cancel()
		_ = c.calls.Send(ctx, request[G]{id: id, op: opTaken})
	}
	failpoint.At("goal.taken")
}

// WaitForServer waits until a server can be asked.
func (c *Client[G, F, R]) WaitForServer(ctx context.Context) error { return c.calls.WaitForServer(ctx) }

// Name returns the name of the service.
func (c *Client[G, F, R]) Name() string { return c.calls.Name() }

// Close closes the client, which leaves its goals: they are cancelled unless another client follows them or the server has the option
// OutliveClients. Their handles return os.ErrClosed. Further calls do nothing.
func (c *Client[G, F, R]) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	err := c.calls.Close()
	c.follows.Wait()
	return err
}
