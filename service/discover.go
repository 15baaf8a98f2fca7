package service

import (
	"cmp"
	"slices"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// discover connects to servers that appear later.
func (c *Client[Req, Resp]) discover() {
	for {
		s, err := c.servers.Receive(c.ctx)
		if err != nil {
			return
		}
		d, err := readDescription(s, c.name)
		id, server := s.Publisher(), s.Participant()
		s.Release()
		if err == nil {
			c.found(id, ServerInfo{Description: d, Server: server})
		}
		if d.Serving || err != nil { // otherwise it registers, and says next that it serves, or ends
			c.setHeard(id)
		}
	}
}

// setHeard remembers that an announcement was read, after what follows from it is done.
func (c *Client[Req, Resp]) setHeard(id topic.PublisherID) {
	c.mu.Lock()
	c.heard[id] = true
	c.mu.Unlock()
	c.endIfGone(id) // it may have ended before the announcement was read
}

// endIfGone calls serverEnded again for a server that is gone.
func (c *Client[Req, Resp]) endIfGone(id topic.PublisherID) {
	if !slices.ContainsFunc(c.servers.MatchedPublishers(), func(m topic.MatchedPublisher) bool { return m.ID == id }) {
		c.serverEnded(id)
	}
}

// unheard returns the servers whose announcements were not read: they register, their processes have not answered, or discover has not come to
// them. The connections to all others were begun before it returns.
func (c *Client[Req, Resp]) unheard() (servers []registry.Participant) {
	matched := c.servers.MatchedPublishers() // first: a server is matched before it is heard
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range matched {
		if !c.heard[m.ID] {
			servers = append(servers, m.Participant)
		}
	}
	return servers
}

// found connects to a server that serves, unless that has begun already.
func (c *Client[Req, Resp]) found(id topic.PublisherID, info ServerInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin(id, info)
}

// begin is found. Called with mu held.
func (c *Client[Req, Resp]) begin(id topic.PublisherID, info ServerInfo) {
	if !info.Serving || c.closed || slices.ContainsFunc(c.conns, func(k *conn[Req, Resp]) bool { return k.announcement == id }) {
		return
	}
	err := c.checkTypes(info)
	if err == nil {
		if err = c.checkPlaces(info.Server); err != nil {
			c.keepWaiting(id, info)
		}
	}
	if err != nil {
		c.refusal = err
		c.signal()
		return
	}
	c.refusal = nil
	k := newConn(c, id, info)
	c.conns = append(c.conns, k)
	slices.SortFunc(c.conns, func(a, b *conn[Req, Resp]) int { return cmp.Compare(a.info.Key, b.info.Key) })
	c.signal()
	c.loops.Go(k.connect) // not closed: checked above
}

// signal wakes those that wait for a change. Called with mu held.
func (c *Client[Req, Resp]) signal() {
	c.setOnly()
	close(c.changed)
	c.changed = make(chan struct{})
}

// setOnly follows a change of the connections. Called with mu held.
func (c *Client[Req, Resp]) setOnly() {
	if len(c.conns) == 1 && c.conns[0].phase == connReady && !c.closed {
		c.only.Store(c.conns[0])
	} else {
		c.only.Store(nil)
	}
}

// serverEnded is called when a server has closed or died.
func (c *Client[Req, Resp]) serverEnded(id topic.PublisherID) {
	c.mu.Lock()
	var gone *conn[Req, Resp]
	for _, k := range c.conns {
		if k.announcement == id {
			gone = k
		}
	}
	c.refusal = nil
	delete(c.heard, id)
	c.waiting = slices.DeleteFunc(c.waiting, func(w waitingServer) bool { return w.id == id })
	c.mu.Unlock()
	if gone != nil {
		gone.serverEnded()
	}
}

// remove forgets a connection that has failed, and gives its place to a server that waits for one.
func (c *Client[Req, Resp]) remove(k *conn[Req, Resp]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = slices.DeleteFunc(c.conns, func(other *conn[Req, Resp]) bool { return other == k })
	c.signal()
	if i := slices.IndexFunc(c.waiting, func(w waitingServer) bool { return c.checkPlaces(w.info.Server) == nil }); i >= 0 {
		next := c.waiting[i]
		c.waiting = slices.Delete(c.waiting, i, i+1)
		c.begin(next.id, next.info)
	}
}
