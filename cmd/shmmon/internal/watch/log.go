package watch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/registry"
)

// MaxEntries is the number of entries that a Log keeps, and of those that programs logged.
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
	Alerted     EntryKind = "alert"  // a rule of the user is not kept
	Logged      EntryKind = "log"    // by a program, see Level
	Missed      EntryKind = "missed" // by this monitor
)

// An Entry is one thing that happened. Its texts contain names of other processes and must be escaped for a terminal.
type Entry struct {
	Number int   // from 1, in the order of finding
	At     int64 // when it was found, or logged, ns of CLOCK_MONOTONIC
	Kind   EntryKind
	Level  string // of what a program logged: debug, info, warn, error or fatal; empty otherwise
	Topic  string // as announced; empty if it is not of one topic
	Unit   string
	PID    int
	Text   string
}

// A Log finds out what happened between views. The zero value is ready. It is for one goroutine at a time.
type Log struct {
	Entries []Entry // in the order of finding, at most MaxEntries
	Records []Entry // that programs logged, likewise: a program that logs a lot does not push out what happened

	added        int
	news         []Entry
	began        bool
	participants map[registry.ID]registry.Participant
	states       map[string]State
	refused      map[connection]bool
	counters     map[registry.EndpointID]counters
	growing      map[growth]*growing
	before       int64 // At of the view before
	round        uint64
}

// Add takes in a view of a tracker and returns what happened and what was counted since the view before; in Entries a counter that grows in
// one view after the other has one entry. The first view is the beginning:
// what is in it did not happen, but mismatches and stopped processes are there. The caller owns the slice.
func (l *Log) Add(t *Tracker, v View) ([]Entry, Faults) {
	l.news = nil
	l.processes(v)
	l.topics(v)
	l.mismatches(t, v)
	grown := l.count(v)
	l.began, l.before = true, v.At
	return l.news, grown
}

func (l *Log) add(e Entry) {
	e = l.append(&l.Entries, e)
	l.news = append(l.news, e)
}

// Note adds an entry that was found elsewhere.
func (l *Log) Note(e Entry) {
	if e.Kind == Logged || e.Kind == Missed {
		l.append(&l.Records, e)
		return
	}
	l.append(&l.Entries, e)
}

// maxEntryText is the number of bytes of a text that are kept.
const maxEntryText = 4096

func (l *Log) append(to *[]Entry, e Entry) Entry {
	l.added++
	e.Number = l.added
	if len(e.Text) > maxEntryText {
		e.Text = strings.ToValidUTF8(e.Text[:maxEntryText], "") + "…"
	}
	if len(*to) == MaxEntries {
		*to = append((*to)[:0], (*to)[MaxEntries/10:]...)
	}
	*to = append(*to, e)
	return e
}

func (l *Log) process(v View, kind EntryKind, p registry.Participant, format string, args ...any) {
	l.add(Entry{At: v.At, Kind: kind, Unit: p.Unit, PID: p.PID, Text: fmt.Sprintf(format, args...)})
}

func (l *Log) processes(v View) {
	now := make(map[registry.ID]registry.Participant, len(v.Participants))
	for _, p := range v.Participants {
		was, known := l.participants[p.ID]
		came := !known && l.began
		switch {
		case came && p.Alive:
			l.process(v, Joined, p, "%s, %s", p.Executable, text.Many(len(p.Endpoints), "endpoint"))
		case came && int64(p.Since) >= l.before:
			l.process(v, Joined, p, "%s, and died at once", p.Executable)
		}
		switch {
		case came && !p.Alive:
			l.process(v, Died, p, "it ended without leaving; its files are there")
		case was.Alive && !p.Alive:
			l.process(v, Died, was, "it ended without leaving, with %s; its files are there", text.Many(len(was.Endpoints), "endpoint"))
		case p.State == registry.StateStopped && was.State != p.State:
			l.process(v, Stopped, p, "by a signal or a debugger")
		case was.State == registry.StateStopped && p.State == registry.StateRunning:
			l.process(v, Continued, p, "it runs again")
		}
		now[p.ID] = p
	}
	for _, id := range slices.Sorted(maps.Keys(l.participants)) {
		p := l.participants[id]
		if _, there := now[id]; there || !p.Alive {
			continue
		}
		if slices.ContainsFunc(v.Died, func(d registry.Participant) bool { return d.ID == id }) {
			l.process(v, Died, p, "it ended without leaving, with %s; its files are removed", text.Many(len(p.Endpoints), "endpoint"))
			continue
		}
		l.process(v, Ended, p, "it left, with %s", text.Many(len(p.Endpoints), "endpoint"))
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
