package service

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// receive takes one request and handles it.
func (s *Server[Req, Resp]) receive(w *worker) bool {
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
	call, code, err := c.open(h, spare)
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
			c.refuse(h, codeBadRequest, err.Error())
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
	for call := range c.sends {
		if call.header.Number == h.Number {
			call.ctx.end(context.Canceled, err)
			delete(c.sends, call)
		}
	}
}

// refuseRest answers the requests that wait when the server closes.
func (s *Server[Req, Resp]) refuseRest() {
	for {
		m, ok, err := s.requests.TryReceive()
		if err != nil || !ok {
			return
		}
		if c := s.clientOf(m.Publisher()); c != nil {
			m.Read(func(b []byte) error {
				if h, _, err := ParseHeader(b); err == nil && h.Kind.isRequest() {
					c.refuse(h, codeClosing, "the server closes")
				}
				return nil
			})
		}
		m.Release()
	}
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

// controlLoop takes what clients say of their calls. It never waits for a handler or a client.
func (s *Server[Req, Resp]) controlLoop() {
	for {
		m, err := s.control.Receive(context.Background())
		if err != nil {
			return
		}
		var c control
		ok := false
		if err := m.Read(func(b []byte) error {
			c, ok = parseControl(b)
			return nil
		}); err != nil || !ok {
			s.figures.refused.Add(1)
		} else {
			if !s.controlled(m.Publisher(), m.Participant(), c) {
				s.figures.refused.Add(1)
			}
		}
		m.Release()
	}
}

// controlled handles a control message, and reports whether it keeps to the protocol. A client speaks only of its own participant's calls,
// because the publisher says which that is.
func (s *Server[Req, Resp]) controlled(from topic.PublisherID, participant registry.Participant, m control) bool {
	requests := topic.PublisherID{Participant: from.Participant, Number: m.requests}
	s.mu.Lock()
	c := s.clients[requests]
	if closed := s.clients == nil; closed || m.slot != helloSlot {
		s.mu.Unlock()
		return closed || c != nil && c.update(m)
	}
	defer s.mu.Unlock()
	if c == nil && s.byCtl[from] == nil && m.number >= 1 {
		c = &serverConn[Req, Resp]{server: s, participant: participant, requests: requests, maxCalls: int(min(m.number, uint64(s.opts.MaxCalls)))}
		c.slots, c.sends = make([]serverSlot[Req, Resp], c.maxCalls), map[*Call[Req, Resp]]struct{}{}
		s.clients[requests], s.byCtl[from] = c, c
		s.loops.Go(func() { s.connect(c) })
	}
	return c != nil && s.byCtl[from] == c
}

// connect makes the publisher of responses to a client, which subscribes to its topic already.
func (s *Server[Req, Resp]) connect(c *serverConn[Req, Resp]) {
	depth := 1 << bits.Len(uint(c.maxCalls*(Window+2)-1))
	pub, err := topic.NewPublisher(s.ctx, s.p, topicOf(s.Name(), segmentResponse, c.requests.String()), &topic.PublisherOptions[message[Resp]]{
		Codec: s.respond, Depth: depth, MaxPayload: s.opts.MaxPayload, MemoryLimit: s.opts.MemoryLimit,
		NeverWaits: true, // no reader of responses holds up a handler
	})
	if err != nil {
		s.figures.refused.Add(1)
		return // the client sees that no responses come, and tries again or gives up
	}
	failpoint.At("connect.accept")
	s.mu.Lock()
	c.mu.Lock()
	gone := c.gone
	c.mu.Unlock()
	if s.clients[c.requests] == c && !gone {
		c.responses = pub
		s.mu.Unlock()
		c.send(message[Resp]{Header: Header{Kind: KindWelcome}}) // an error: the server closes
		return
	}
	s.mu.Unlock()
	pub.Close() // the client has left meanwhile
}

// maxLeaving is the number of clients that are gone and may have requests waiting. Without it clients that never connected would add up.
const maxLeaving = 1024

// requestsEnded is called when all requests of a client that is gone were taken.
func (s *Server[Req, Resp]) requestsEnded(requests topic.PublisherID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c := s.clients[requests]; {
	case slices.Contains(s.leaving, requests):
		s.forget(requests)
	case c != nil:
		c.ended = true
	}
}

// forget forgets a client that is gone. Called with mu held.
func (s *Server[Req, Resp]) forget(requests topic.PublisherID) {
	s.leaving = slices.DeleteFunc(s.leaving, func(id topic.PublisherID) bool { return id == requests })
	if c := s.clients[requests]; c != nil {
		s.last.CompareAndSwap(c, nil)
		delete(s.clients, requests)
	}
}

// controlEnded is called when a client has left or died.
func (s *Server[Req, Resp]) controlEnded(from topic.PublisherID) {
	s.mu.Lock()
	c := s.byCtl[from]
	if c == nil {
		s.mu.Unlock()
		return
	}
	delete(s.byCtl, from)
	s.leaving = append(s.leaving, c.requests) // requests without a response may wait, whose client does not wait for them
	if c.ended {
		s.forget(c.requests)
	} else if len(s.leaving) > maxLeaving {
		s.forget(s.leaving[0])
	}
	responses := c.responses
	s.mu.Unlock()
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	c.cancelAll(ErrClientGone)
	if responses != nil {
		responses.Close()
	}
	failpoint.At("serve.forget")
}
