package goal

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/shmbus/shmbus/serde"
)

// A Handle is one goal at a client.
type Handle[F, R any] struct {
	id       ID
	service  string
	feedback serde.Codec[F]
	result   serde.Codec[R]
	cancel   func(context.Context, ID) error
	taken    func(ID)
	over     func() // called before ended is closed, and when there is no goal; further calls do nothing

	ended chan struct{} // closed with the last update, or the failure

	mu       sync.Mutex
	state    State
	newest   []byte // encoded feedback
	reported uint64 // number of feedbacks that have come
	end      update
	failure  error         // why there is no end
	changed  chan struct{} // closed and replaced when feedback has come
}

func newHandle[G, F, R any](c *Client[G, F, R], id ID) *Handle[F, R] {
	return &Handle[F, R]{
		id: id, service: c.Name(), feedback: c.opts.FeedbackCodec, result: c.opts.ResultCodec,
		cancel: c.requestCancel, taken: c.taken, over: sync.OnceFunc(c.end), ended: make(chan struct{}), changed: make(chan struct{}),
	}
}

// ID returns the id of the goal.
func (h *Handle[F, R]) ID() ID { return h.id }

// State returns the newest state that the client has received.
func (h *Handle[F, R]) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// Done returns a channel that is closed when the goal has ended, is lost, or the client is closed.
func (h *Handle[F, R]) Done() <-chan struct{} { return h.ended }

// Feedback yields the newest feedback that the loop has not seen, and waits for more until the goal ends. Each loop sees for itself, and
// begins with the newest. The last yield has an error if ctx ended, or feedback cannot be decoded. How the goal ended is what Result says.
func (h *Handle[F, R]) Feedback(ctx context.Context) iter.Seq2[F, error] {
	return func(yield func(F, error) bool) {
		decoder := h.feedback.Decoder()
		var seen uint64
		for {
			h.mu.Lock()
			newest, reported, changed := h.newest, h.reported, h.changed
			h.mu.Unlock()
			var v F
			if reported != seen {
				seen = reported
				err := decoder.Decode(newest, &v)
				if err != nil {
					err = fmt.Errorf("read feedback of goal %v of %q: %w", h.id, h.service, err)
				}
				if !yield(v, err) || err != nil {
					return
				}
				continue
			}
			select {
			case <-changed:
			case <-h.ended:
				h.mu.Lock()
				last := h.reported == seen
				h.mu.Unlock()
				if last {
					return
				}
			case <-ctx.Done():
				yield(v, ctx.Err())
				return
			}
		}
	}
}

// Cancel asks the server to cancel the goal, and returns when that is granted. The goal then still runs until its handler returns; Result
// waits for that. The error is a *CancelRefusedError, ErrUnknown, that of ctx, or one of package service.
func (h *Handle[F, R]) Cancel(ctx context.Context) error { return h.cancel(ctx, h.id) }

// Result waits for the end of the goal. The server then forgets it, if it is still there. The error is nil if the goal Succeeded. It is a *service.HandlerError
// if the goal Failed, wraps ErrCancelled and the cause, such as ErrPreempted, if it was Cancelled, and ErrLost if it is Lost. The result of
// a cancelled goal is what its handler returned, or zero if that did not run. The error of ctx leaves the goal as it is. []byte results are
// copies.
func (h *Handle[F, R]) Result(ctx context.Context) (result R, err error) {
	select {
	case <-h.ended:
	default:
		select {
		case <-h.ended:
		case <-ctx.Done():
			return result, ctx.Err()
		}
	}
	h.mu.Lock()
	end, failure := h.end, h.failure
	h.mu.Unlock()
	if failure != nil {
		return result, failure
	}
	if end.content == hasResult {
		if err := h.result.Decoder().Decode(end.value, &result); err != nil {
			return result, fmt.Errorf("read the result of goal %v of %q: %w", h.id, h.service, err)
		}
	}
	h.taken(h.id)
	switch end.state {
	case Failed:
		return result, end.failure()
	case Cancelled:
		return result, fmt.Errorf("goal %v of %q: %w: %w", h.id, h.service, ErrCancelled, end.cause())
	}
	return result, nil
}
