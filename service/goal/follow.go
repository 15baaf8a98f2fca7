package goal

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/service"
)

// follow receives the updates of a goal until its end. The first update, or the error in place of it, goes to known.
func follow[G, F, R any](ctx context.Context, calls *service.Client[request[G], []byte], h *Handle[F, R], r request[G], known chan<- error) {
	first := true
	for {
		updates, err := receive(ctx, calls, h, r, func() {
			if first {
				first = false
				known <- nil
			}
		})
		switch {
		case err == nil:
			return
		case first:
			h.over()
			known <- err
			return
		case updates == 0 || !errors.Is(err, service.ErrClientSlow):
			h.fail(err)
			return
		}
		// The server ended the stream while the goal goes on, because this process took nothing for too long.
		r = request[G]{id: r.id, op: opFollow}
	}
}

// receive receives the updates of one stream, and returns their number, and nil after the end of the goal.
func receive[G, F, R any](ctx context.Context, calls *service.Client[request[G], []byte], h *Handle[F, R], r request[G], known func()) (updates int, err error) {
	for b, err := range calls.Stream(ctx, r) {
		if err != nil {
			return updates, err
		}
		u, err := parseUpdate(b)
		switch {
		case err != nil:
			return updates, err
		case u.state == 0:
			return updates, ErrUnknown
		}
		updates++
		h.update(u)
		failpoint.At("goal.update")
		known()
		if u.state.Ended() {
			return updates, nil
		}
	}
	return updates, errors.New("the server ended the updates before the goal")
}

// update takes an update.
func (h *Handle[F, R]) update(u update) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = max(h.state, u.state)
	switch {
	case u.content == hasFeedback:
		h.newest = u.value
		h.reported++
		close(h.changed)
		h.changed = make(chan struct{})
	case u.state.Ended():
		h.end = u
		h.over()
		close(h.ended)
	}
}

// fail ends the wait for a goal whose end does not come.
func (h *Handle[F, R]) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failure = fmt.Errorf("follow goal %v of %q: %w", h.id, h.service, err)
	if !errors.Is(err, os.ErrClosed) {
		h.failure = fmt.Errorf("goal %v of %q: %w", h.id, h.service, &lostError{h.state, err})
		h.state = Lost
	}
	h.over()
	close(h.ended)
}
