// Package journal says what happened in a domain between two views: losses, mismatches, and processes that stop and go on.
//
// Processes and endpoints that come and go are not here: topic.Participant.Events tells these, and whether a process left or died. The package
// prints nothing and reads no clock.
package journal

import (
	"fmt"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// A Kind says in a word what happened.
type Kind string

// Kinds of entries.
const (
	Stopped     Kind = "stopped"
	Continued   Kind = "continued"
	Mismatch    Kind = "mismatch"
	Lost        Kind = "lost"
	Undecodable Kind = "undecodable"
	Failed      Kind = "failed"
	Stale       Kind = "stale"
	Resumed     Kind = "resumed"
)

// An Entry is one thing that happened. Its texts contain names of other processes and must be escaped for a terminal.
type Entry struct {
	Kind  Kind
	Topic string // or the patterns of a subscription; empty if it is not of a topic
	Owner registry.Participant
	Text  string
}

// A Journal compares each view with the one before. The zero value is ready. It is for one goroutine at a time.
type Journal struct {
	began         bool
	stopped       map[registry.ID]bool
	states        map[string]watch.State
	mismatched    map[pair]bool
	publishers    map[registry.EndpointID]registry.PublisherStats
	subscriptions map[registry.EndpointID]registry.SubscriptionStats
}

// A pair is a publisher and a subscription.
type pair struct{ publisher, subscription registry.EndpointID }

// Add takes in a view, which must not be older than the one before, and returns what happened since that one. Of the first view these are
// only the mismatches that are there, and the processes that are stopped. The caller owns the slice.
func (j *Journal) Add(v watch.View) (entries []Entry) {
	next := Journal{began: true, stopped: make(map[registry.ID]bool), states: make(map[string]watch.State), mismatched: make(map[pair]bool),
		publishers: make(map[registry.EndpointID]registry.PublisherStats), subscriptions: make(map[registry.EndpointID]registry.SubscriptionStats)}
	add := func(kind Kind, topic string, owner registry.Participant, format string, args ...any) {
		owner.Endpoints = nil
		entries = append(entries, Entry{kind, topic, owner, fmt.Sprintf(format, args...)})
	}
	for _, p := range v.Participants {
		stopped := p.Alive && p.State == registry.StateStopped
		switch next.stopped[p.ID] = stopped; {
		case stopped && !j.stopped[p.ID]:
			add(Stopped, "", p, "by a signal or a debugger")
		case !stopped && j.stopped[p.ID] && p.Alive:
			add(Continued, "", p, "it runs again")
		}
	}
	for i := range v.Topics {
		t := &v.Topics[i]
		j.state(t, &next, add)
		for _, p := range t.Publishers {
			id := p.Endpoint.ID
			next.publishers[id] = p.Stats
			if was, known := j.publishers[id]; known && p.Stats.Failed > was.Failed {
				add(Failed, t.Name, p.Owner, "%s to publish", text.Many(p.Stats.Failed-was.Failed, "failure"))
			}
			for _, s := range t.Subscribers {
				key := pair{id, s.Endpoint.ID}
				if next.mismatched[key] = s.Mismatch && !watch.Fits(p.Endpoint, s.Endpoint); next.mismatched[key] && !j.mismatched[key] {
					add(Mismatch, t.Name, s.Owner, "the subscription expects another type than %s (pid %d) publishes", p.Owner.Unit, p.Owner.PID)
				}
			}
		}
		for _, s := range t.Subscribers {
			j.subscription(t, s, &next, add)
		}
	}
	*j = next
	return entries
}

type adder func(kind Kind, topic string, owner registry.Participant, format string, args ...any)

func (j *Journal) state(t *watch.Topic, next *Journal, add adder) {
	next.states[t.Name] = t.State
	switch was := j.states[t.Name]; {
	case was == watch.Live && t.State == watch.Stale:
		add(Stale, t.Name, registry.Participant{}, "messages came and stopped")
	case was == watch.Stale && t.State == watch.Live:
		add(Resumed, t.Name, registry.Participant{}, "messages come again")
	}
}

// subscription notes the losses of a subscription once, also if it is to many topics.
func (j *Journal) subscription(t *watch.Topic, s watch.Subscriber, next *Journal, add adder) {
	id := s.Endpoint.ID
	if _, done := next.subscriptions[id]; done {
		return
	}
	was, known := j.subscriptions[id]
	if !known && !j.began {
		was = s.Stats
	}
	name := t.Name
	if s.Shared {
		name = s.Endpoint.Patterns[0]
	}
	if n := s.Stats.Lost; n > was.Lost {
		add(Lost, name, s.Owner, "%s, %d in all", text.Many(n-was.Lost, "message"), n)
	}
	if n := s.Stats.DecodeErrors; n > was.DecodeErrors {
		add(Undecodable, name, s.Owner, "%s, %d in all", text.Many(n-was.DecodeErrors, "message"), n)
	}
	// An estimate of what a subscription lost that hangs may have been too high: it counts from there.
	s.Stats.Lost = max(s.Stats.Lost, was.Lost)
	next.subscriptions[id] = s.Stats
}
