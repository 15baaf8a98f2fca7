package watch

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/registry"
)

// Faults are what the counters of all endpoints grew by.
type Faults struct{ Lost, Undecodable, Failed uint64 }

// counters are those of one endpoint, and the round in which it was there.
type counters struct {
	lost, undecodable, failed uint64
	round                     uint64
}

// A growth is a counter of an endpoint by the kind of its entries.
type growth struct {
	endpoint registry.EndpointID
	kind     EntryKind
}

// growing is an entry of a counter that grows in view after view: it has one entry as long as it does.
type growing struct {
	number      int   // of the entry
	since, last int64 // At of the view before it, and of the newest in which it grew
	count       uint64
}

// growsOn is for how long a counter may rest and have the same entry when it grows again, ns.
const growsOn = int64(10e9)

// count adds an entry for each counter of faults that grew.
func (l *Log) count(v View) (grown Faults) {
	if l.counters == nil {
		l.counters = make(map[registry.EndpointID]counters)
	}
	l.round++
	for i := range v.Topics {
		t := &v.Topics[i]
		for k := range t.Publishers {
			p := &t.Publishers[k]
			was := l.counted(p.Endpoint.ID, counters{failed: p.Stats.Failed})
			grown.Failed += l.grew(v, growth{p.Endpoint.ID, Failing}, t.Name, &p.Owner, "publishes failed", was.failed, p.Stats.Failed)
			l.counters[p.Endpoint.ID] = counters{failed: p.Stats.Failed, round: l.round}
		}
		for k := range t.Subscribers {
			s := &t.Subscribers[k]
			was := l.counted(s.Endpoint.ID, counters{lost: s.Stats.Lost, undecodable: s.Stats.DecodeErrors})
			if was.round == l.round {
				continue // a subscription of several topics has one entry
			}
			name := t.Name
			if s.Shared {
				name = s.Endpoint.Patterns[0]
			}
			grown.Lost += l.grew(v, growth{s.Endpoint.ID, Losing}, name, &s.Owner, "messages lost", was.lost, s.Stats.Lost)
			grown.Undecodable += l.grew(v, growth{s.Endpoint.ID, Undecodable}, name, &s.Owner, "messages could not be decoded", was.undecodable, s.Stats.DecodeErrors)
			// An estimate of what a subscription lost that hangs may have been too high: it counts from there.
			l.counters[s.Endpoint.ID] = counters{lost: max(was.lost, s.Stats.Lost), undecodable: s.Stats.DecodeErrors, round: l.round}
		}
	}
	maps.DeleteFunc(l.counters, func(_ registry.EndpointID, c counters) bool { return c.round != l.round })
	maps.DeleteFunc(l.growing, func(_ growth, g *growing) bool { return v.At-g.last >= growsOn })
	return grown
}

// counted returns the counters of the view before. Those of an endpoint that came meanwhile were zero. What the first view has is no news.
func (l *Log) counted(id registry.EndpointID, now counters) counters {
	was, known := l.counters[id]
	if !known && !l.began {
		return now
	}
	return was
}

func (l *Log) grew(v View, of growth, topic string, owner *registry.Participant, what string, from, to uint64) uint64 {
	n := increase(from, to)
	if n == 0 {
		return 0
	}
	e := Entry{At: v.At, Kind: of.kind, Topic: topic, Unit: owner.Unit, PID: owner.PID, Text: fmt.Sprintf("%s %s, %s in all", text.Count(n), what, text.Count(to))}
	g := l.growing[of]
	if g == nil {
		if l.growing == nil {
			l.growing = make(map[growth]*growing)
		}
		l.add(e)
		l.growing[of] = &growing{l.added, l.before, v.At, n}
		return n
	}
	g.last, g.count = v.At, g.count+n
	l.news = append(l.news, e)
	i, there := slices.BinarySearchFunc(l.Entries, g.number, func(e Entry, number int) int { return e.Number - number })
	if there {
		e.Number = g.number
		e.Text = fmt.Sprintf("%s %s in %s, %s in all", text.Count(g.count), what, text.Duration(v.At-g.since), text.Count(to))
		l.Entries[i] = e
	}
	return n
}
