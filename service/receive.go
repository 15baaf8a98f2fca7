package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// receive takes one request and handles it.
func (s *Server[Req, Resp]) receive(w *worker) bool {
	if s.closing.Load() {
		return false // also while a client sends without an end
	}
	var m topic.Sample[message[Req]]
	if err := s.poller.receive(s.ctx, &m); err != nil {
		if s.ctx.Err() == nil && errors.As(err, new(*topic.LimitError)) { // handlers hold all requests that a server can
			time.Sleep(time.Millisecond)
			return true
		}
		return false
	}
	failpoint.At("serve.take")
	s.take(w, &m)
	return true
}

// take handles a request. The request is released at the end, also when the handler panics.
func (s *Server[Req, Resp]) take(w *worker, m *topic.Sample[message[Req]]) {
	defer m.Release()
	c := s.clientOf(m.Publisher())
	if c == nil {
		s.figures.refused.Add(1)
		return // it did not introduce itself, or has left
	}
	var header Header
	err := m.Read(func(b []byte) error {
		h, value, err := ParseHeader(b)
		if err != nil || !h.Kind.isRequest() {
			return firstError(err, fmt.Errorf("take a request: its kind is %v", h.Kind))
		}
		header = h
		if s.raw {
			s.run(w, c, h, m, value)
		}
		return nil
	})
	switch {
	case err == nil && !s.raw:
		s.run(w, c, header, m, nil)
	case err != nil && header.Kind != 0: // the client cut its file while the handler read the request
		s.interrupted(w, c, header, err)
	case err != nil:
		s.figures.refused.Add(1)
	}
}

// run runs the handler of a request and answers. raw is the request if that is []byte.
func (s *Server[Req, Resp]) run(w *worker, c *serverConn[Req, Resp], h Header, m *topic.Sample[message[Req]], raw []byte) {
	if (h.Kind == KindStream) != (s.stream != nil) && h.Kind != KindSend {
		c.refuse(h, codeBadRequest, fmt.Sprintf("the server takes calls with %s", map[bool]string{true: "any number of responses; use Stream", false: "one response; use Call"}[s.stream != nil]))
		return
	}
	spare, _ := w.spare.(*Call[Req, Resp])
	w.spare = nil
	call, code, err := c.open(h, m.Sequence(), spare)
	switch {
	case err != nil:
		s.figures.refused.Add(1)
		return
	case code != 0:
		c.refuse(h, code, "it waited at the server, until the client did not want it or the server closed")
		return
	}
	if s.raw {
		*any(&call.request).(*[]byte) = raw
	} else {
		v, err := m.Value()
		if err != nil {
			s.figures.refused.Add(1)
			c.leave(call)
			c.refuse(h, codeBadRequest, "the request cannot be decoded: "+undecodable(err).Error())
			return
		}
		call.request = v.value
	}
	call.worker = w
	w.begin()
	failpoint.At("serve.begin")
	var v Resp
	if s.stream != nil {
		err = s.stream(&call.ctx, call)
	} else {
		v, err = s.unary(&call.ctx, call)
	}
	failpoint.At("serve.end")
	took, measured := w.measure()
	c.leave(call)
	call.answer(v, err)
	call.ctx.finish()
	s.figures.count(took, measured)
	w.end()
	if s.raw {
		var none Req
		call.request = none
		w.spare = call
	}
}

// undecodable returns why a value cannot be decoded, without the sample and the topic that carry it.
func undecodable(err error) error {
	var reason *serde.DecodeError
	if errors.As(err, &reason) {
		return reason
	}
	return err
}

// interrupted ends a call whose handler was aborted.
func (s *Server[Req, Resp]) interrupted(w *worker, c *serverConn[Req, Resp], h Header, err error) {
	s.figures.count(w.measure())
	w.end()
	s.figures.refused.Add(1)
	c.refuse(h, codeBadRequest, err.Error())
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slotOf(h.Number); i < len(c.slots) && c.slots[i].call != nil && c.slots[i].call.header.Number == h.Number {
		c.slots[i].call.ctx.end(context.Canceled, err)
		c.slots[i].call = nil
	}
	s.sends.interrupt(c, h.Number, err)
}

func (s *Server[Req, Resp]) clientOf(requests topic.PublisherID) *serverConn[Req, Resp] {
	if c := s.last.Load(); c != nil && c.requests == requests {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[requests]
	if c == nil || c.responses == nil {
		return nil
	}
	s.last.Store(c)
	return c
}
