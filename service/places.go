package service

import (
	"fmt"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Each connection of a client takes three of the registry.MaxEndpoints of its participant, and any process can announce servers of a name.
const (
	maxServers          = 256 // connections of one client: 768 endpoints
	maxServersOfProcess = maxServers / 4
)

// A waitingServer is one to which a client may have no connection until another one ends.
type waitingServer struct {
	id   topic.PublisherID
	info ServerInfo
}

// checkPlaces returns an error if the client may have no further connection to a server of a participant. Called with mu held.
func (c *Client[Req, Resp]) checkPlaces(server registry.Participant) error {
	of, n := processOf(server), 0
	for _, k := range c.conns {
		if processOf(k.info.Server) == of {
			n++
		}
	}
	var err error
	switch {
	case n >= maxServersOfProcess:
		err = fmt.Errorf("the client has %d connections to servers of this process, and may have no more; close some of them", maxServersOfProcess)
	case len(c.conns) >= maxServers:
		err = fmt.Errorf("the client has %d connections to servers of this name, and may have no more; close some of them", maxServers)
	default:
		return nil
	}
	return &CallError{Service: c.name, Server: server, Err: &connectError{err}}
}

// keepWaiting remembers a server to which there may be a connection later. As many wait as can be connected; a description may be large.
// Called with mu held.
func (c *Client[Req, Resp]) keepWaiting(id topic.PublisherID, info ServerInfo) {
	of, n := processOf(info.Server), 0
	for _, w := range c.waiting {
		if w.id == id {
			return
		}
		if processOf(w.info.Server) == of {
			n++
		}
	}
	if n < maxServersOfProcess && len(c.waiting) < maxServers {
		c.waiting = append(c.waiting, waitingServer{id, info})
	}
}
