package service

import (
	"context"
	"math/bits"
	"slices"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

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
	if c == nil && s.byCtl[from] == nil && m.number >= 1 && s.quotas.take(participant) {
		c = &serverConn[Req, Resp]{
			server: s, participant: participant, requests: requests, maxCalls: int(min(m.number, uint64(s.opts.MaxCalls))), connecting: true,
		}
		c.slots = make([]serverSlot[Req, Resp], c.maxCalls)
		s.clients[requests], s.byCtl[from] = c, c
		s.figures.clients.Store(int64(len(s.byCtl)))
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
		KeepFor:    c.participant.ID,
		Volatile:   true, // the memory of one large response, not that of all that may wait
	})
	failpoint.At("connect.accept")
	s.mu.Lock()
	c.connecting = false
	gone := c.gone
	switch {
	case err != nil:
		s.figures.refused.Add(1) // the client sees that no responses come, and tries again or gives up
	case !gone:
		c.responses = pub
	}
	s.mu.Unlock()
	switch {
	case gone: // it has left meanwhile
		if err == nil {
			pub.Close()
		}
		s.freeQuota(c)
	case err == nil:
		c.sendPlain(Header{Kind: KindWelcome}, nil) // an error: the server closes
	}
}

// freeQuota lets another client have the place of one that has left.
func (s *Server[Req, Resp]) freeQuota(c *serverConn[Req, Resp]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quotas.free(c.participant)
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
	s.figures.clients.Store(int64(len(s.byCtl)))
	s.leaving = append(s.leaving, c.requests) // requests without a response may wait, whose client does not wait for them
	if c.ended {
		s.forget(c.requests)
	} else if len(s.leaving) > maxLeaving {
		s.forget(s.leaving[0])
	}
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	responses, connecting := c.responses, c.connecting
	s.mu.Unlock()
	c.cancelAll(ErrClientGone)
	if responses != nil {
		responses.Close()
	}
	if !connecting { // else connect does
		s.freeQuota(c)
	}
	failpoint.At("serve.forget")
}
