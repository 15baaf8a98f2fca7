package goal

import (
	"context"
	"errors"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/service"
)

// answer handles a request. It is the handler of a stream of updates.
func (s *Server[G, F, R]) answer(ctx context.Context, call *service.Call[request[G], []byte]) error {
	r := call.Request()
	if call.WithoutResponse() && r.op != opTaken { // the goal would have a client that never leaves
		return errors.New("only that a result was taken is sent without a response; use a stream")
	}
	switch r.op {
	case opStart:
		g, err := s.admit(ctx, r, call.Caller())
		if err != nil {
			return err
		}
		return s.follow(ctx, call, g, true)
	case opFollow:
		g, err := s.join(r.id)
		switch {
		case err != nil:
			return err
		case g == nil:
			return call.Send(ctx, update{}.bytes())
		}
		return s.follow(ctx, call, g, false)
	case opCancel:
		return s.requestCancel(ctx, call)
	}
	s.taken(r.id)
	return nil
}

// join makes a client one of a goal's. It returns nil if there is no such goal.
func (s *Server[G, F, R]) join(id ID) (*Goal[G, F], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.goals[id]
	switch {
	case s.closing:
		return nil, ErrServerClosed
	case g == nil || !g.decided:
		return nil, nil
	}
	s.addClient(g)
	return g, nil
}

// follow sends the updates of a goal until its end or that of the client.
func (s *Server[G, F, R]) follow(ctx context.Context, call *service.Call[request[G], []byte], g *Goal[G, F], started bool) error {
	err := sendUpdates(ctx, call, &g.progress, started)
	var cause error
	if err != nil && !errors.Is(context.Cause(ctx), ErrServerClosed) {
		cause = ErrClientsGone
	}
	if started && errors.Is(context.Cause(ctx), service.ErrCallCancelled) { // its Start did not wait for the answer
		s.mu.Lock()
		s.cancelGoal(g, ErrCancelRequested)
		s.mu.Unlock()
	}
	s.removeClient(g, cause)
	return err
}

func sendUpdates[G any](ctx context.Context, call *service.Call[request[G], []byte], p *progress, started bool) error {
	var sent follower
	send := func(u []byte) error {
		err := call.Send(ctx, u)
		failpoint.At("goal.send")
		return err
	}
	if started { // the client learns that the goal was accepted, also if it runs already
		sent.state = Accepted
		if err := send(update{state: Accepted}.bytes()); err != nil {
			return err
		}
	}
	for {
		u, last, changed := p.next(&sent)
		if u == nil {
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if err := send(u); err != nil || last {
			return err
		}
	}
}

// requestCancel grants or refuses a cancel.
func (s *Server[G, F, R]) requestCancel(ctx context.Context, call *service.Call[request[G], []byte]) error {
	g := s.find(call.Request().id)
	if g == nil {
		return call.Send(ctx, update{}.bytes())
	}
	if state := g.progress.current(); state.Ended() {
		return refusal(state)
	}
	if s.opts.AllowCancel != nil {
		if err := s.opts.AllowCancel(ctx, g); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if state := g.progress.current(); state.Ended() { // meanwhile
		return refusal(state)
	}
	s.cancelGoal(g, ErrCancelRequested)
	failpoint.At("goal.cancel")
	return nil
}

func refusal(state State) error {
	return &service.HandlerError{Text: "it has " + state.String() + " already"}
}
