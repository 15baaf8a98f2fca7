package goal

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/service"
)

// schedule starts the goals whose turn it is. Called with mu held.
func (s *Server[G, F, R]) schedule() {
	for s.running < s.opts.Concurrency && len(s.waiting) > 0 {
		g := s.waiting[0]
		s.waiting = slices.Delete(s.waiting, 0, 1)
		s.running++
		g.progress.advance(Running)
		s.handlers.Go(func() { s.run(g) })
	}
}

// run runs the handler of a goal.
func (s *Server[G, F, R]) run(g *Goal[G, F]) {
	failpoint.At("goal.run")
	began := time.Now()
	result, err := s.handler(g.ctx, g)
	took := time.Since(began)
	u := s.endOf(g, result, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.Took[service.TookIndex(took)]++
	s.running--
	s.finish(g, u)
	failpoint.At("goal.end")
	s.schedule()
	g.cancel(context.Canceled) // frees the context
}

// endOf returns the last update of a goal.
func (s *Server[G, F, R]) endOf(g *Goal[G, F], result R, err error) update {
	u := update{state: Succeeded}
	if err != nil {
		cause := context.Cause(g.ctx)
		if g.ctx.Err() == nil || !errors.Is(err, g.ctx.Err()) && !errors.Is(err, cause) {
			return failed(err, s.opts.MaxPayload)
		}
		u = cancelledBy(cause)
	}
	value, err := s.results.Encoder().Append(nil, result)
	if err == nil {
		u.content, u.value = hasResult, value
		err = checkSize(u.bytes(), s.opts.MaxPayload)
	}
	if err != nil {
		return failed(err, s.opts.MaxPayload)
	}
	return u
}

// failed returns the last update of a goal whose handler returned an error.
func failed(err error, maxPayload int) update {
	own := service.HandlerErrorOf(err)
	u := update{state: Failed, content: hasError, code: own.Code, text: own.Text, value: own.Value}
	if tooLarge := checkSize(u.bytes(), maxPayload); tooLarge != nil {
		u.text, u.value = tooLarge.Error(), nil
	}
	return u
}

// finish ends a goal and keeps its result. Called with mu held.
func (s *Server[G, F, R]) finish(g *Goal[G, F], u update) {
	s.count(u.state == Failed)
	g.progress.finish(u)
	s.active = slices.DeleteFunc(s.active, func(other *Goal[G, F]) bool { return other == g })
	for len(s.ended) >= s.opts.MaxResults {
		s.forget(s.ended[0])
	}
	s.ended = append(s.ended, g)
	g.expiry = time.AfterFunc(s.opts.KeepResult, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.forget(g)
		failpoint.At("goal.expire")
	})
}

// taken forgets the result of a goal, which a client has.
func (s *Server[G, F, R]) taken(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.goals[id]; g != nil {
		s.forget(g)
		failpoint.At("goal.forget")
	}
}

// forget forgets a goal that has ended. Called with mu held.
func (s *Server[G, F, R]) forget(g *Goal[G, F]) {
	i := slices.Index(s.ended, g)
	if i < 0 {
		return
	}
	s.ended = slices.Delete(s.ended, i, i+1)
	g.expiry.Stop()
	delete(s.goals, g.id)
}

// count counts a goal that has ended or was rejected. Called with mu held.
func (s *Server[G, F, R]) count(failed bool) {
	s.figures.Calls++
	if failed {
		s.figures.Failed++
	}
}

// figuresOf returns the figures of a server: a goal is a call, and what asks for its updates, cancels it or takes its result is none.
func (s *Server[G, F, R]) figuresOf(counted service.Figures) service.Figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.figures
	f.Unanswered = uint64(len(s.active) + s.asked)
	f.Refused, f.Clients = counted.Refused, counted.Clients
	return f
}
