package watch

import (
	"fmt"
	"maps"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/registry"
)

// MaxEntries is the number of entries that a Log keeps.
const MaxEntries = 2000

// An EntryKind says in a word what happened.
type EntryKind string

// Kinds of entries.
const (
	Joined      EntryKind = "joined"
	Ended       EntryKind = "ended"
	Died        EntryKind = "died"
	Stopped     EntryKind = "stopped"
	Continued   EntryKind = "continued"
	Appeared    EntryKind = "appeared"
	Vanished    EntryKind = "vanished"
	WentStale   EntryKind = "stale"
	Resumed     EntryKind = "resumed"
	Mismatched  EntryKind = "mismatch"
	Losing      EntryKind = "loss"
	Undecodable EntryKind = "undecodable"
	Failing     EntryKind = "failed"
)

// An Entry is one thing that happened. Its texts are safe for a terminal.
type Entry struct {
	Number int   // from 1, in the order of finding
	At     int64 // when it was found, ns of CLOCK_MONOTONIC
	Kind   EntryKind
	Topic  string // as announced; empty if it is not of one topic
	Unit   string
	PID    int
	Text   string
}

// A Log finds out what happened between views. The zero value is ready. It is for one goroutine at a time.
type Log struct {
	Entries []Entry // oldest first, at most MaxEntries

	added        int
	began        bool
	participants map[registry.ID]registry.Participant
	states       map[string]State
	refused      map[connection]bool
	counters     map[registry.EndpointID]counters
	round        uint64
}

// Faults are what the counters of all endpoints grew by.
type Faults struct{ Lost, Undecodable, Failed uint64 }

// counters are those of one endpoint, and the round in which it was there.
type counters struct {
	lost, undecodable, failed uint64
	round                     uint64
}

// Add takes in a view of a tracker and returns what was counted since the view before. The first view is the beginning: what is in it
// did not happen, but mismatches are there.
func (l *Log) Add(t *Tracker, v View) Faults {
	l.processes(v)
	l.topics(v)
	l.mismatches(t, v)
	grown := l.count(v)
	l.began = true
	return grown
}

func (l *Log) add(e Entry) {
	l.added++
	e.Number = l.added
	if len(l.Entries) == MaxEntries {
		l.Entries = append(l.Entries[:0], l.Entries[MaxEntries/10:]...)
	}
	l.Entries = append(l.Entries, e)
}

func (l *Log) process(v View, kind EntryKind, p registry.Participant, format string, args ...any) {
	if l.began {
		l.add(Entry{At: v.At, Kind: kind, Unit: text.Escape(p.Unit), PID: p.PID, Text: fmt.Sprintf(format, args...)})
	}
}

func (l *Log) processes(v View) {
	now := make(map[registry.ID]registry.Participant, len(v.Participants))
	for _, p := range v.Participants {
		was, known := l.participants[p.ID]
		switch {
		case !known && p.Alive:
			l.process(v, Joined, p, "%s, %s", text.Escape(p.Executable), text.Many(len(p.Endpoints), "endpoint"))
		case was.Alive && !p.Alive:
			l.process(v, Died, was, "it left its files, with %s", text.Many(len(was.Endpoints), "endpoint"))
		case p.State == registry.StateStopped && known && was.State != p.State:
			l.process(v, Stopped, p, "by a signal or a debugger")
		case was.State == registry.StateStopped && p.State == registry.StateRunning:
			l.process(v, Continued, p, "it runs again")
		}
		now[p.ID] = p
	}
	for id, p := range l.participants {
		if _, there := now[id]; !there && p.Alive {
			l.process(v, Ended, p, "it left, or died and its files were removed; %s", text.Many(len(p.Endpoints), "endpoint"))
		}
	}
	l.participants = now
}

func (l *Log) topics(v View) {
	now := make(map[string]State, len(v.Topics))
	for _, t := range v.Topics {
		was, known := l.states[t.Name]
		e := Entry{At: v.At, Topic: t.Name}
		switch {
		case (!known || was == Gone) && t.State != Gone:
			e.Kind, e.Text = Appeared, fmt.Sprintf("%s, %s, %s", text.Name(t.Type), text.Many(len(t.Publishers), "publisher"), text.Many(len(t.Subscribers), "subscription"))
		case was != Gone && t.State == Gone:
			e.Kind, e.Text = Vanished, "no publisher and no subscription is left"
		case was == Live && t.State == Stale:
			e.Kind, e.Text = WentStale, "messages came and stopped"
		case was == Stale && t.State == Live:
			e.Kind, e.Text = Resumed, "messages come again"
		}
		if e.Kind != "" && l.began {
			l.add(e)
		}
		now[t.Name] = t.State
	}
	l.states = now
}

func (l *Log) mismatches(t *Tracker, v View) {
	now := make(map[connection]bool)
	for i := range v.Topics {
		topic := &v.Topics[i]
		if topic.Mismatched == 0 {
			continue
		}
		for k := range topic.Subscribers {
			s := &topic.Subscribers[k]
			for _, p := range topic.Publishers {
				err := t.mismatch(p.Endpoint, s.Endpoint)
				if err == nil {
					continue
				}
				key := connection{p.Endpoint.ID, s.Endpoint.ID}
				if now[key] = true; !l.refused[key] {
					l.add(Entry{At: v.At, Kind: Mismatched, Topic: topic.Name, Unit: text.Escape(s.Owner.Unit), PID: s.Owner.PID,
						Text: "does not fit " + text.Escape(p.Owner.Unit) + ": " + text.Escape(err.Error())})
				}
			}
		}
	}
	l.refused = now
}

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
			was, known := l.counters[p.Endpoint.ID]
			if known {
				grown.Failed += l.grew(v, Failing, t.Name, &p.Owner, "publishes failed", was.failed, p.Stats.Failed)
			}
			l.counters[p.Endpoint.ID] = counters{failed: p.Stats.Failed, round: l.round}
		}
		for k := range t.Subscribers {
			s := &t.Subscribers[k]
			was, known := l.counters[s.Endpoint.ID]
			if was.round == l.round {
				continue // a subscription of several topics has one entry
			}
			if known {
				name := t.Name
				if s.Shared {
					name = s.Endpoint.Patterns[0]
				}
				grown.Lost += l.grew(v, Losing, name, &s.Owner, "messages lost", was.lost, s.Stats.Lost)
				grown.Undecodable += l.grew(v, Undecodable, name, &s.Owner, "messages could not be decoded", was.undecodable, s.Stats.DecodeErrors)
			}
			l.counters[s.Endpoint.ID] = counters{lost: s.Stats.Lost, undecodable: s.Stats.DecodeErrors, round: l.round}
		}
	}
	maps.DeleteFunc(l.counters, func(_ registry.EndpointID, c counters) bool { return c.round != l.round })
	return grown
}

func (l *Log) grew(v View, kind EntryKind, topic string, owner *registry.Participant, what string, from, to uint64) uint64 {
	n := increase(from, to)
	if n > 0 {
		l.add(Entry{At: v.At, Kind: kind, Topic: topic, Unit: text.Escape(owner.Unit), PID: owner.PID, Text: fmt.Sprintf("%s %s, %s in all", text.Count(n), what, text.Count(to))})
	}
	return n
}
