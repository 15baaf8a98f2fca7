// Package watch turns snapshots of a domain into topics with rates, delays and losses.
//
// A Source yields snapshots. A Tracker compares each with earlier ones and makes a View of it. The package subscribes to nothing and
// reads no clock: it costs the observed processes nothing, and tests choose their own snapshots and times.
package watch

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/rate"
	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/registry"
)

// keepGone is for how long a topic that vanished stays in the view.
const keepGone = int64(15 * time.Second)

// A Tracker makes views of snapshots. It is for one goroutine at a time.
type Tracker struct {
	window     time.Duration
	keepGone   bool
	publishers map[registry.EndpointID]*rate.Estimator
	delays     map[registry.EndpointID]*delays
	gone       map[string]goneTopic
	deaths     []death              // in the last minute, oldest first
	compared   map[connection]error // why schemas do not let both be connected; endpoints do not change
	last       View
}

type goneTopic struct {
	topic Topic
	at    int64
}

// TrackerOptions say how a Tracker works. The zero value is right for one-shot use.
type TrackerOptions struct {
	Window   time.Duration // shortest time that rates are taken over; zero means three seconds
	KeepGone bool          // show topics that vanished for some seconds more
}

// NewTracker returns a Tracker that has seen nothing. opts may be nil.
func NewTracker(opts *TrackerOptions) *Tracker {
	if opts == nil {
		opts = &TrackerOptions{}
	}
	return &Tracker{
		window: opts.Window, keepGone: opts.KeepGone,
		publishers: make(map[registry.EndpointID]*rate.Estimator), delays: make(map[registry.EndpointID]*delays),
		gone: make(map[string]goneTopic), compared: make(map[connection]error),
	}
}

// SetWindow changes the shortest time that rates are taken over.
func (t *Tracker) SetWindow(window time.Duration) {
	t.window = window
	for _, e := range t.publishers {
		e.Window = window
	}
}

// Add takes in a snapshot, which must not be older than the one before, and returns what is known now.
func (t *Tracker) Add(s Snapshot) View {
	s.Stats.Subscriptions = s.current()
	b := builder{tracker: t, at: s.At, stats: s.Stats, topics: make(map[string]*Topic), seen: make(map[registry.EndpointID]bool)}
	b.publishers(s.Participants)
	b.subscribers(s.Participants)
	maps.DeleteFunc(t.publishers, func(id registry.EndpointID, _ *rate.Estimator) bool { return !b.seen[id] })
	maps.DeleteFunc(t.delays, func(id registry.EndpointID, _ *delays) bool { return !b.seen[id] })
	maps.DeleteFunc(t.compared, func(c connection, _ error) bool { return !b.seen[c.publisher] || !b.seen[c.subscription] })

	v := View{At: s.At, Participants: s.Participants, Stats: s.Stats, Backlogs: s.Backlogs, Space: s.Space, Problems: s.Problems, Missing: s.Missing, Died: t.died(s)}
	v.Topics = make([]Topic, 0, len(b.topics))
	for _, name := range slices.Sorted(maps.Keys(b.topics)) {
		topic := b.topics[name]
		b.finish(topic)
		v.Rate += topic.Rate
		v.Bandwidth += topic.Bandwidth
		v.Topics = append(v.Topics, *topic)
	}
	if t.keepGone {
		if gone := t.vanished(s.At, b.topics); len(gone) > 0 {
			v.Topics = append(v.Topics, gone...)
			slices.SortFunc(v.Topics, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
		}
	}
	t.last = v
	return v
}

// Due returns until when, at most limit, it is worth looking on so that more topics have a measured rate; zero when that
// would gain nothing.
func (t *Tracker) Due(limit int64) int64 {
	var due int64
	for _, e := range t.publishers {
		if d := e.Due(); d <= limit {
			due = max(due, d)
		}
	}
	return due
}

// vanished returns the topics that were in an earlier view and are not in now.
func (t *Tracker) vanished(at int64, now map[string]*Topic) []Topic {
	for _, topic := range t.last.Topics {
		if topic.State != Gone && now[topic.Name] == nil {
			topic.State, topic.Rate, topic.Bandwidth = Gone, 0, 0
			topic.Publishers, topic.Subscribers, topic.Connected, topic.Mismatched, topic.Paused = nil, nil, 0, 0, 0
			t.gone[topic.Name] = goneTopic{topic, at}
		}
	}
	var all []Topic
	for name, g := range t.gone {
		if now[name] != nil || at-g.at > keepGone {
			delete(t.gone, name)
			continue
		}
		all = append(all, g.topic)
	}
	return all
}

// A builder makes one view.
type builder struct {
	tracker *Tracker
	at      int64
	stats   registry.Stats
	topics  map[string]*Topic
	seen    map[registry.EndpointID]bool
}

func (b *builder) topic(name string) *Topic {
	t := b.topics[name]
	if t == nil {
		t = &Topic{Name: name}
		b.topics[name] = t
	}
	return t
}

// unseen yields every endpoint of a kind once, with its owner, which is without Endpoints.
func (b *builder) unseen(all []registry.Participant, kind registry.Kind) iter.Seq2[registry.Participant, registry.Endpoint] {
	return func(yield func(registry.Participant, registry.Endpoint) bool) {
		for _, owner := range all {
			endpoints := owner.Endpoints
			owner.Endpoints = nil
			for _, e := range endpoints {
				if e.Kind != kind || b.seen[e.ID] {
					continue
				}
				b.seen[e.ID] = true
				if !yield(owner, e) {
					return
				}
			}
		}
	}
}

func (b *builder) publishers(all []registry.Participant) {
	for owner, e := range b.unseen(all, registry.KindPublisher) {
		f, ok := b.stats.Publishers[e.ID]
		if !ok {
			continue // it was withdrawn meanwhile
		}
		r := b.tracker.publishers[e.ID]
		if r == nil {
			r = &rate.Estimator{Window: b.tracker.window}
			b.tracker.publishers[e.ID] = r
		}
		r.Add(rate.Figures{At: b.at, Since: int64(e.Since), Messages: f.Messages, Bytes: f.Bytes, Last: int64(f.LastStamp)})
		p := Publisher{Owner: owner, Endpoint: e, Stats: f, Stopped: r.Stopped()}
		p.Rate, p.Bandwidth = r.Rate()

		t := b.topic(e.Topic)
		t.Window = max(t.Window, r.Span().Length)
		t.Measured = r.Measured() && (t.Measured || len(t.Publishers) == 0)
		t.Publishers = append(t.Publishers, p)
	}
}

func (b *builder) subscribers(all []registry.Participant) {
	published := slices.Sorted(maps.Keys(b.topics))
	for owner, e := range b.unseen(all, registry.KindSubscription) {
		f, ok := b.stats.Subscriptions[e.ID]
		if !ok {
			continue // it was withdrawn meanwhile
		}
		d := b.tracker.delays[e.ID]
		if d == nil {
			d = &delays{}
			b.tracker.delays[e.ID] = d
		}
		d.add(b.at, f.Latency)
		s := Subscriber{Owner: owner, Endpoint: e, Stats: f}
		h := d.recent()
		s.P50, s.P99 = quantiles(&h)

		names := asked(e, published)
		s.Shared = len(names) > 1
		for _, name := range names {
			t := b.topic(name)
			t.Subscribers = append(t.Subscribers, s)
		}
	}
}

// asked returns the topics a subscription asks for: those that are published, and those it names in full.
func asked(e registry.Endpoint, published []string) []string {
	var names []string
	wild := false
	for _, p := range e.Patterns {
		if IsPattern(p) {
			wild = true
		} else {
			names = append(names, p)
		}
	}
	if wild {
		for _, name := range published {
			if registry.Interested(e, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// finish fills in what follows from the endpoints.
func (b *builder) finish(t *Topic) {
	b.sumPublishers(t)
	b.sumSubscribers(t)
	switch {
	case len(t.Publishers) == 0:
		t.State = Waiting
	case t.Messages == 0:
		t.State = Quiet
	case !slices.ContainsFunc(t.Publishers, func(p Publisher) bool { return !p.Stopped && p.Stats.Messages > 0 }):
		t.State = Stale
		if slices.ContainsFunc(t.Publishers, func(p Publisher) bool { return p.Endpoint.Latched }) {
			t.State = Latched
		}
	default:
		t.State = Live
	}
}

func (b *builder) sumPublishers(t *Topic) {
	type kind struct{ name, encoding string }
	kinds := make(map[kind]bool)
	for i, p := range t.Publishers {
		if i == 0 {
			t.Type, t.Encoding = p.Endpoint.TypeName, p.Endpoint.Encoding
		}
		kinds[kind{p.Endpoint.TypeName, p.Endpoint.Encoding}] = true
		if p.Owner.State == registry.StateStopped {
			t.Paused++
		}
		f := p.Stats
		t.Rate += p.Rate
		t.Bandwidth += p.Bandwidth
		t.Messages += f.Messages
		t.Bytes += f.Bytes
		t.MaxSize = max(t.MaxSize, f.MaxSize)
		if last := min(int64(f.LastStamp), b.at); last > t.Last {
			t.Last, t.Size = last, f.LastSize
		}
		t.Connected = max(t.Connected, int(min(f.Subscribers, 1<<20)))
	}
	t.MoreTypes = max(0, len(kinds)-1)
}

func (b *builder) sumSubscribers(t *Topic) {
	var own, shared histogram
	for i := range t.Subscribers {
		s := &t.Subscribers[i]
		for _, p := range t.Publishers {
			s.Mismatch = s.Mismatch || b.tracker.mismatch(p.Endpoint, s.Endpoint) != nil
		}
		if s.Mismatch {
			t.Mismatched++
		}
		if s.Owner.State == registry.StateStopped {
			t.Paused++
		}
		if len(t.Publishers) == 0 && t.Type == "" && t.Encoding == "" && !s.Endpoint.AnyType {
			t.Type, t.Encoding = s.Endpoint.TypeName, s.Endpoint.Encoding
		}
		t.Lag = max(t.Lag, s.Stats.Lag)
		t.Held += s.Stats.Held
		h := b.tracker.delays[s.Endpoint.ID].recent()
		if s.Shared {
			t.LostShared += s.Stats.Lost
			t.UndecodableShared += s.Stats.DecodeErrors
			t.StaleShared += s.Stats.Stale
			t.FilteredShared += s.Stats.Filtered
			merge(&shared, h)
		} else {
			t.Lost += s.Stats.Lost
			t.Undecodable += s.Stats.DecodeErrors
			t.Stale += s.Stats.Stale
			t.Filtered += s.Stats.Filtered
			merge(&own, h)
		}
	}
	// Delays of a subscription to many topics are those of its other topics too; they only stand in.
	if t.P50, t.P99 = quantiles(&own); t.P50 < 0 {
		t.P50, t.P99 = quantiles(&shared)
		t.DelayShared = t.P50 >= 0
	}
	if t.Worst = -1; t.P50 >= 0 {
		h := &own
		if t.DelayShared {
			h = &shared
		}
		t.Worst = stats.Percentile(h, 1)
	}
	slices.SortStableFunc(t.Subscribers, func(a, b Subscriber) int { return cmp.Compare(a.Endpoint.Since, b.Endpoint.Since) })
}
