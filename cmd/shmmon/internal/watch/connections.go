package watch

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/registry"
)

// A Connection is a publisher and a subscription that asks for its topic.
type Connection struct {
	Topic      string
	Publisher  Publisher
	Subscriber Subscriber
	State      ConnectionState
	Reason     string // why it is not connected

	Lag, Held uint64 // messages not taken that are still in the ring, samples not released
	Lost      Loss
	Shared    bool // the delays are of several publishers
	Counted   bool // Lag and Held are of this connection alone; otherwise they are of the subscription
}

// A ConnectionState says in a word whether messages pass.
type ConnectionState string

// States of a connection.
const (
	Connected ConnectionState = "connected"
	Refused   ConnectionState = "refused"    // the types do not fit
	Apart     ConnectionState = "not linked" // the types fit, and there is no link
	Halted    ConnectionState = "stopped"    // a process of the two is stopped
)

// Connections returns every pair of a publisher and a subscription of its topic, by topic. The inspection must be with WantConnections.
func (t *Tracker) Connections(v View, x Inspection) []Connection {
	var all []Connection
	links := make(map[registry.EndpointID][]*Link, len(x.Links)) // by subscription
	for i := range x.Links {
		l := &x.Links[i]
		links[l.Subscription] = append(links[l.Subscription], l)
	}
	published := make(map[registry.EndpointID]Publisher)
	for i := range v.Topics {
		for _, p := range v.Topics[i].Publishers {
			published[p.Endpoint.ID] = p
		}
	}
	linked := make(map[registry.EndpointID]map[registry.EndpointID]linkedLoss)
	for _, topic := range v.Topics {
		for _, s := range topic.Subscribers {
			id := s.Endpoint.ID
			if linked[id] == nil {
				linked[id] = losses(s.Stats, v.Backlogs[id], links[id], published)
			}
			for _, p := range topic.Publishers {
				all = append(all, t.connect(topic.Name, p, s, linked[id]))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Connection) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), strings.Compare(a.Publisher.Owner.Unit, b.Publisher.Owner.Unit))
	})
	return all
}

func (t *Tracker) connect(topic string, p Publisher, s Subscriber, links map[registry.EndpointID]linkedLoss) Connection {
	c := Connection{
		Topic: topic, Publisher: p, Subscriber: s, State: Connected,
		Lag: s.Stats.Lag, Held: s.Stats.Held, Shared: s.Stats.Publishers > 1 || len(links) > 1,
	}
	if err := t.mismatch(p.Endpoint, s.Endpoint); err != nil {
		c.State, c.Reason = Refused, err.Error()
		c.Lag, c.Held, c.Counted = 0, 0, true
		return c
	}
	l, linked := links[p.Endpoint.ID]
	if linked {
		c.Counted, c.Lost = true, l.Loss
		if c.Held = l.link.Held; !c.Shared { // the subscription also counts those that it has copied, which keep no slot
			c.Held = max(l.link.Held, s.Stats.Held)
		}
		c.Lag = l.link.lag(p.Stats.Messages, p.Endpoint.Depth)
	} else if c.Lost = (Loss{Most: s.Stats.Lost, All: s.Stats.Lost}); !c.Shared {
		c.Lost.Least = c.Lost.Most
	}
	switch {
	case p.Owner.State == registry.StateStopped || s.Owner.State == registry.StateStopped:
		c.State, c.Reason = Halted, "a process is stopped by a signal or a debugger"
	case linked && l.link.Next == 0:
		c.State, c.Reason = Apart, "the publisher has not admitted it yet: it has no place, hangs, or is about to"
	case !linked && s.Stats.Publishers == 0:
		c.State, c.Reason = Apart, "the subscription has no link: its filter or the policy declines the publisher, or it is about to connect"
	}
	return c
}

// Policy says how a publisher treats the subscription.
func (c *Connection) Policy() string {
	if c.Subscriber.Endpoint.Lossless {
		return "lossless"
	}
	return "keep-last"
}
