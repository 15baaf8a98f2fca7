package watch

import (
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/registry"
)

// A Loss is what is known of the messages that one connection has lost. A subscription counts its losses, and the messages that it takes, of
// all its publishers together; the cursor of each of its links, which is current, limits which of them lost how many.
type Loss struct {
	Least, Most uint64 // of this connection
	All         uint64 // of the subscription, all its publishers together, also those that have ended
}

// Known reports whether the losses of the connection are known.
func (l Loss) Known() bool { return l.Least == l.Most }

// Text returns the loss as people read it: "≤" marks the most it can be, "~" one of which only that of the subscription is known.
func (l Loss) Text() string {
	switch {
	case l.Known():
		return text.Count(l.Most)
	case l.Most < l.All:
		return "≤" + text.Count(l.Most)
	}
	return "~" + text.Count(l.All)
}

// A linkedLoss is a link with its loss.
type linkedLoss struct {
	link *Link
	Loss
}

// losses returns what is known of the links of a subscription, by publisher. The figures are with its backlog, if it has one.
func losses(f registry.SubscriptionStats, backlog Backlog, links []*Link, published map[registry.EndpointID]Publisher) map[registry.EndpointID]linkedLoss {
	counted := f.Lost - min(f.Lost, backlog.Lost) // by the subscription itself
	all := make(map[registry.EndpointID]linkedLoss, len(links))
	var most, accounted uint64 // of all links together
	told := true               // by the files of all publishers
	for _, l := range links {
		n, ok := l.stepped()
		if accounted += n; !ok {
			told, n = false, counted
		}
		n = min(n, counted, 1<<48)
		most += n
		all[l.Publisher] = linkedLoss{l, Loss{Most: n, All: f.Lost}}
	}
	// What no link accounts for was counted of publishers that have ended.
	ended := told && taken(f)+counted > accounted || f.Dropped > 0
	for id, one := range all {
		if others := most - one.Most; !ended && others < counted {
			one.Least = min(counted-others, one.Most)
		}
		if p, ok := published[id]; ok && backlog.Lost > 0 { // otherwise it takes messages, or passes over those it does not read
			n := one.link.overwritten(p.Stats.Messages, p.Endpoint.Depth) // that it will count as lost when it takes the next one
			one.Least, one.Most = one.Least+n, one.Most+n
		}
		one.All = max(one.All, one.Least)
		all[id] = one
	}
	return all
}
