package rules

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// A Kind is the threshold that an alert is about, by its name in a file.
type Kind string

// Kinds of alerts.
const (
	Free        Kind = "min_free"
	Dead        Kind = "dead"
	Stopped     Kind = "stopped"
	Required    Kind = "required"
	Stale       Kind = "stale"
	Mismatch    Kind = "mismatch"
	Undecodable Kind = "undecodable"
	MinRate     Kind = "min_rate"
	MaxRate     Kind = "max_rate"
	Age         Kind = "max_age"
	Latency     Kind = "max_latency"
	Lost        Kind = "max_lost"
	Lag         Kind = "max_lag"
)

// An Alert is one threshold that is not kept. Its texts contain names of other processes and must be escaped for a terminal.
type Alert struct {
	Kind        Kind
	What        string               // a sentence
	Topic       string               // or the pattern of a rule, or those of a subscription; empty: the domain or a process
	Participant registry.Participant // without Endpoints; zero: none
	Value       float64              // seconds, messages, messages per second or percent
	Limit       float64
}

// maxAlerts bounds the alerts of one view, so that a hostile process cannot make the report unreadable.
const maxAlerts = 1000

// A Monitor holds rules against views of a domain. It is for one goroutine at a time.
type Monitor struct {
	rules *Rules
	seen  map[registry.EndpointID]losses // as of the newest view
	ill   map[registry.ID]Kind           // processes that were dead or stopped in the newest view
	first bool
}

// losses are the counters of a subscription that rules compare with those of the view before.
type losses struct{ lost, undecodable uint64 }

// NewMonitor returns a Monitor of rules that passed Check.
func NewMonitor(r *Rules) *Monitor { return &Monitor{rules: r, first: true} }

// Add compares a view with the rules and returns the alerts, those of the domain first, at most 1000, and how many there are beyond these.
// Losses are those since the view before, of which the first has none. A process is dead or stopped if it was so in the view before too: others
// notice a death within milliseconds. The caller owns the slice.
func (m *Monitor) Add(v watch.View) (alerts []Alert, more int) {
	c := comparison{view: v, monitor: m, now: make(map[registry.EndpointID]losses), ill: make(map[registry.ID]Kind), alerted: make(map[alertKey]bool)}
	c.domain(m.rules.Domain)
	for i := range m.rules.Topics {
		c.rule(&m.rules.Topics[i])
	}
	c.remember()
	m.seen, m.ill, m.first = c.now, c.ill, false
	slices.SortStableFunc(c.alerts, func(a, b Alert) int { return cmp.Compare(a.Topic, b.Topic) })
	if n := len(c.alerts); n > maxAlerts {
		return c.alerts[:maxAlerts], n - maxAlerts
	}
	return c.alerts, 0
}

// A comparison is one call of Add.
type comparison struct {
	view    watch.View
	monitor *Monitor
	now     map[registry.EndpointID]losses
	ill     map[registry.ID]Kind
	alerts  []Alert
	alerted map[alertKey]bool
}

// An alertKey is the subject of an alert: two rules that match the same give one.
type alertKey struct {
	kind     Kind
	topic    string
	endpoint registry.EndpointID
}

func (c *comparison) add(a Alert, endpoint registry.EndpointID) {
	if key := (alertKey{a.Kind, a.Topic, endpoint}); !c.alerted[key] {
		c.alerted[key] = true
		c.alerts = append(c.alerts, a)
	}
}

func (c *comparison) domain(d Domain) {
	if s := c.view.Space; d.MinFree > 0 && s.Size > 0 {
		if free := float64(s.Available) / float64(s.Size) * 100; free < d.MinFree {
			c.add(Alert{Kind: Free, Value: free, Limit: d.MinFree,
				What: fmt.Sprintf("%.1f %% of the file system is free, %s; publishers that need memory fail when it is full", free, text.Bytes(uint64(max(0, s.Available))))}, registry.EndpointID{})
		}
	}
	for _, p := range c.view.Died {
		if d.Dead {
			c.add(Alert{Kind: Dead, Participant: p, What: fmt.Sprintf("%s (pid %d) died, and its files are removed", p.Unit, p.PID)}, registry.EndpointID{Participant: p.ID})
		}
	}
	for _, p := range c.view.Participants {
		switch {
		case !p.Alive && d.Dead:
			c.process(p, Dead, "is dead, and its files are not removed")
		case p.Alive && p.State == registry.StateStopped && d.Stopped:
			c.process(p, Stopped, "is stopped by a signal or a debugger")
		}
	}
}

func (c *comparison) process(p registry.Participant, kind Kind, what string) {
	p.Endpoints = nil
	if c.ill[p.ID] = kind; c.monitor.ill[p.ID] == kind {
		c.add(Alert{Kind: kind, Participant: p, What: fmt.Sprintf("%s (pid %d) %s", p.Unit, p.PID, what)}, registry.EndpointID{Participant: p.ID})
	}
}

// remember notes the counters of all subscriptions.
func (c *comparison) remember() {
	for _, t := range c.view.Topics {
		for _, s := range t.Subscribers {
			c.now[s.Endpoint.ID] = losses{s.Stats.Lost, s.Stats.DecodeErrors}
		}
	}
}

// since returns what a subscription lost and could not decode since the view before. Counters belong to another process and
// may decrease. A subscription that is new lost all of it since then, unless the view is the first.
func (c *comparison) since(s watch.Subscriber) losses {
	was, known := c.monitor.seen[s.Endpoint.ID]
	if !known && c.monitor.first {
		return losses{}
	}
	grown := func(from, to uint64) uint64 { return to - min(from, to) }
	return losses{grown(was.lost, s.Stats.Lost), grown(was.undecodable, s.Stats.DecodeErrors)}
}

func seconds(d Duration) float64 { return time.Duration(d).Seconds() }

// Kinds returns all kinds of alerts.
func Kinds() []Kind {
	return []Kind{Free, Dead, Stopped, Required, Stale, Mismatch, Undecodable, MinRate, MaxRate, Age, Latency, Lost, Lag}
}
