package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/logtopics"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde/dynamic"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// A gatherer brings together what happens in a domain and what programs log.
type gatherer struct {
	self    *topic.Participant
	source  *watch.Domain
	options logOptions
	began   int64 // ns of CLOCK_MONOTONIC: what was there before is no news
	entries chan logEntry
	failed  chan error
	all     sync.WaitGroup
}

// maxLogTopics bounds the topics of logs that are read.
const maxLogTopics = 256

func newGatherer(self *topic.Participant, source *watch.Domain, o logOptions) *gatherer {
	return &gatherer{self: self, source: source, options: o, began: clock.New().Now(), entries: make(chan logEntry), failed: make(chan error, 1)}
}

// start begins to gather. It ends with ctx.
func (g *gatherer) start(ctx context.Context) {
	g.all.Go(func() { g.scan(ctx, g.source, g.options.interval) })
	g.all.Go(func() { g.events(ctx) })
}

// wait waits for the end of what start began.
func (g *gatherer) wait() { g.all.Wait() }

func (g *gatherer) add(ctx context.Context, e logEntry) {
	select {
	case g.entries <- e:
	case <-ctx.Done():
	}
}

func (g *gatherer) fail(err error) {
	select {
	case g.failed <- err:
	default:
	}
}

// events adds entries of participants and endpoints, and reads each topic of logs from when it is there.
func (g *gatherer) events(ctx context.Context) {
	reading := make(map[string]bool)
	for e := range g.self.Events(ctx) {
		entry, news := g.entryOf(e)
		if news && (g.options.all || !internalEndpoint(e.Endpoint)) {
			g.add(ctx, entry)
		}
		if e.Kind == topic.Added && logtopics.Is(e.Endpoint) && !reading[e.Endpoint.Topic] && len(reading) < maxLogTopics {
			name, history := e.Endpoint.Topic, g.options.history
			if news { // it is new: nothing of it was before
				history = shmtransport.MaxDepth
			}
			reading[name] = true
			g.all.Go(func() { g.read(ctx, name, history) })
		}
	}
}

// internalEndpoint reports whether an endpoint is one of services or parameters.
func internalEndpoint(e registry.Endpoint) bool {
	applications := func(name string) bool { return !watch.Internal(name) }
	return watch.Internal(e.Topic) || len(e.Patterns) > 0 && !slices.ContainsFunc(e.Patterns, applications)
}

// entryOf makes an entry of an event, unless it tells what was there before.
func (g *gatherer) entryOf(e topic.Event) (entry logEntry, news bool) {
	p := e.Participant
	entry = logEntry{Time: time.Now(), Unit: p.Unit, PID: p.PID}
	if p.ID == g.self.ID() && e.Kind != topic.Unavailable {
		return entry, false
	}
	switch e.Kind {
	case topic.Joined:
		entry.Kind, entry.Text = kindJoined, p.Executable
		return entry, int64(p.Since) >= g.began
	case topic.Left:
		entry.Kind = kindLeft
	case topic.Died:
		entry.Kind, entry.Text = kindDied, "its process ended without leaving"
	case topic.Added, topic.Removed:
		if entry.Kind = kindAdded; e.Kind == topic.Removed {
			entry.Kind = kindRemoved
		}
		entry.Topic, entry.Text = e.Endpoint.Topic, "publisher of "+describe(e.Endpoint)
		if e.Endpoint.Kind == registry.KindSubscription {
			entry.Topic, entry.Text = strings.Join(e.Endpoint.Patterns, ", "), "subscription to "+describe(e.Endpoint)
		}
		return entry, e.Kind == topic.Removed || int64(e.Endpoint.Since) >= g.began
	case topic.Unavailable, topic.EventsDropped:
		entry.Kind, entry.Topic, entry.Text = kindMissed, e.Endpoint.Topic, fmt.Sprint(e.Err)
	default: // of subscriptions of this process
		return entry, false
	}
	return entry, true
}

func describe(e registry.Endpoint) string {
	switch {
	case e.AnyType:
		return "any type"
	case e.TypeName == "":
		return text.Name(e.Encoding)
	}
	return e.TypeName + " in " + text.Name(e.Encoding)
}

// read adds the entries of a topic of logs.
func (g *gatherer) read(ctx context.Context, name string, history int) {
	sub, err := topic.NewSubscriber(ctx, g.self, name, &topic.SubscriberOptions[[]byte]{History: history})
	if err != nil {
		if ctx.Err() == nil {
			g.fail(err)
		}
		return
	}
	defer sub.Close()
	var convert dynamic.Converter
	for {
		s, err := sub.Receive(ctx)
		if err != nil {
			if ctx.Err() == nil {
				g.fail(err)
			}
			return
		}
		if n := s.Lost(); n > 0 {
			g.add(ctx, logEntry{Time: s.Time(), Kind: kindMissed, Topic: name, Unit: s.Unit(), PID: s.PID(), Text: text.Many(n, "message") + " of its log"})
		}
		e := logEntry{Time: s.Time(), Kind: kindLog, Topic: name, Unit: s.Unit(), PID: s.PID()}
		if payload, err := s.AppendTo(nil); err != nil {
			e.Kind, e.Text = kindMissed, err.Error()
		} else if m, err := logtopics.Decode(&convert, s.Type(), payload); err != nil {
			e.Kind, e.Text = kindMissed, "a message of its log: "+err.Error()
		} else {
			e.Level, e.Name, e.Text, e.Where = m.Level, m.Name, m.Text, m.Where
		}
		s.Release()
		g.add(ctx, e)
	}
}
