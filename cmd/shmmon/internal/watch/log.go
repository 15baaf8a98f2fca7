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
	Losing      EntryKind = "lost"
	Undecodable EntryKind = "undecodable"
	Failing     EntryKind = "failed"
)

// An Entry is one thing that happened. Its texts contain names of other processes and must be escaped for a terminal.
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
	news         []Entry
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

// Add takes in a view of a tracker and returns what happened and what was counted since the view before. The first view is the beginning:
// what is in it did not happen, but mismatches and stopped processes are there. The caller owns the slice.
func (l *Log) Add(t *Tracker, v View) ([]Entry, Faults) {
	l.news = nil
	l.processes(v)
	l.topics(v)
	l.mismatches(t, v)
	grown := l.count(v)
	l.began = true
	return l.news, grown
}

func (l *Log) add(e Entry) {
	l.added++
	e.Number = l.added
	if len(l.Entries) == MaxEntries {
		l.Entries = append(l.Entries[:0], l.Entries[MaxEntries/10:]...)
	}
	l.Entries = append(l.Entries, e)
	l.news = append(l.news, e)
}

func (l *Log) process(v View, kind EntryKind, p registry.Participant, format string, args ...any) {
	l.add(Entry{At: v.At, Kind: kind, Unit: p.Unit, PID: p.PID, Text: fmt.Sprintf(format, args...)})
}

func (l *Log) processes(v View) {
	now := make(map[registry.ID]registry.Participant, len(v.Participants))
	for _, p := range v.Participants {
		was, known := l.participants[p.ID]
		if !known && p.Alive && l.began {
			l.process(v, Joined, p, "%s, %s", p.Executable, text.Many(len(p.Endpoints), "endpoint"))
		}
		switch {
		case was.Alive && !p.Alive:
			l.process(v, Died, was, "it left its files, with %s", text.Many(len(was.Endpoints), "endpoint"))
		case p.State == registry.StateStopped && was.State != p.State:
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
					l.add(Entry{At: v.At, Kind: Mismatched, Topic: topic.Name, Unit: s.Owner.Unit, PID: s.Owner.PID,
						Text: "does not fit " + p.Owner.Unit + ": " + err.Error()})
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
			was := l.before(p.Endpoint.ID, counters{failed: p.Stats.Failed})
			grown.Failed += l.grew(v, Failing, t.Name, &p.Owner, "publishes failed", was.failed, p.Stats.Failed)
			l.counters[p.Endpoint.ID] = counters{failed: p.Stats.Failed, round: l.round}
		}
		for k := range t.Subscribers {
			s := &t.Subscribers[k]
			was := l.before(s.Endpoint.ID, counters{lost: s.Stats.Lost, undecodable: s.Stats.DecodeErrors})
			if was.round == l.round {
				continue // a subscription of several topics has one entry
			}
			name := t.Name
			if s.Shared {
				name = s.Endpoint.Patterns[0]
			}
			grown.Lost += l.grew(v, Losing, name, &s.Owner, "messages lost", was.lost, s.Stats.Lost)
			grown.Undecodable += l.grew(v, Undecodable, name, &s.Owner, "messages could not be decoded", was.undecodable, s.Stats.DecodeErrors)
			// An estimate of what a subscription lost that hangs may have been too high: it counts from there.
			l.counters[s.Endpoint.ID] = counters{lost: max(was.lost, s.Stats.Lost), undecodable: s.Stats.DecodeErrors, round: l.round}
		}
	}
	maps.DeleteFunc(l.counters, func(_ registry.EndpointID, c counters) bool { return c.round != l.round })
	return grown
}

// before returns the counters of the view before. Those of an endpoint that came meanwhile were zero. What the first view has is no news.
func (l *Log) before(id registry.EndpointID, now counters) counters {
	was, known := l.counters[id]
	if !known && !l.began {
		return now
	}
	return was
}

func (l *Log) grew(v View, kind EntryKind, topic string, owner *registry.Participant, what string, from, to uint64) uint64 {
	n := increase(from, to)
	if n > 0 {
		l.add(Entry{At: v.At, Kind: kind, Topic: topic, Unit: owner.Unit, PID: owner.PID, Text: fmt.Sprintf("%s %s, %s in all", text.Count(n), what, text.Count(to))})
	}
	return n
}
