package goal

import (
	"context"
	"fmt"
	"slices"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
)

// admit decides on a goal. One that is accepted has one client, and waits or runs.
func (s *Server[G, F, R]) admit(ctx context.Context, r request[G], caller registry.Participant) (*Goal[G, F], error) {
	g := &Goal[G, F]{id: r.id, value: r.value, caller: caller, encoder: s.opts.FeedbackCodec.Encoder(), maxPayload: s.opts.MaxPayload}
	g.ctx, g.cancel = context.WithCancelCause(context.Background())
	if err := s.reserve(g); err != nil {
		return nil, err
	}
	var err error
	if s.opts.Admit != nil {
		err = s.opts.Admit(ctx, g)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked--
	switch {
	case err == nil && ctx.Err() != nil:
		err = ctx.Err() // no client wants it any more
	case err == nil && s.closing:
		err = ErrServerClosed
	}
	if err != nil {
		s.count(true)
		delete(s.goals, g.id)
		s.followers.Done()
		return nil, err
	}
	if s.opts.Preempt {
		s.cancelAll(ErrPreempted)
	}
	g.decided = true
	g.progress.advance(Accepted)
	s.active = append(s.active, g)
	s.waiting = append(s.waiting, g)
	failpoint.At("goal.accept")
	s.schedule()
	return g, nil
}

// reserve takes the place of a goal that Admit decides on, for its first client.
func (s *Server[G, F, R]) reserve(g *Goal[G, F]) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if err != nil {
			s.count(true)
		}
	}()
	switch {
	case s.closing:
		return ErrServerClosed
	case s.goals[g.id] != nil:
		return &service.HandlerError{Text: "the server has a goal with this id; follow it with Find, or choose another id"}
	case len(s.active)+s.asked >= s.opts.MaxGoals:
		return &service.HandlerError{Text: fmt.Sprintf("the server has %d goals that have not ended, as many as its MaxGoals allows; wait for one or cancel it", s.opts.MaxGoals)}
	}
	s.asked++
	s.goals[g.id] = g
	s.addClient(g)
	return nil
}

// addClient counts a stream of updates. Called with mu held.
func (s *Server[G, F, R]) addClient(g *Goal[G, F]) {
	g.clients++
	s.followers.Add(1)
}

// removeClient counts a stream that has ended, and cancels a goal without another one.
func (s *Server[G, F, R]) removeClient(g *Goal[G, F], cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.followers.Done()
	g.clients--
	if cause != nil && g.clients == 0 && !s.opts.OutliveClients {
		s.cancelGoal(g, cause)
		failpoint.At("goal.leave")
	}
}

// find returns a goal that was accepted.
func (s *Server[G, F, R]) find(id ID) *Goal[G, F] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.goals[id]; g != nil && g.decided {
		return g
	}
	return nil
}

// cancelAll cancels all goals that have not ended. Called with mu held.
func (s *Server[G, F, R]) cancelAll(cause error) {
	for _, g := range slices.Clone(s.active) {
		s.cancelGoal(g, cause)
	}
}

// cancelGoal cancels a goal unless it has ended. Called with mu held.
func (s *Server[G, F, R]) cancelGoal(g *Goal[G, F], cause error) {
	g.cancel(cause)
	if i := slices.Index(s.waiting, g); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.finish(g, cancelledBy(cause))
	}
}
