package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/samples/hostmetrics/metrics"
	"github.com/shmbus/shmbus/topic"
)

// A request says what a child does. The end of its standard input is the request to stop.
type request struct {
	Role        string        `json:"role"`
	Dir         string        `json:"dir"`
	Domain      string        `json:"domain"`
	File        string        `json:"file,omitempty"`        // recorder, player
	Duration    time.Duration `json:"duration,omitempty"`    // publisher
	Rate        float64       `json:"rate,omitempty"`        // publisher
	Subscribers int           `json:"subscribers,omitempty"` // publisher, player: per topic, before the first message
}

const (
	rolePublisher  = "publisher"
	roleSubscriber = "subscriber"
	roleRecorder   = "recorder"
	rolePlayer     = "player"
)

// A reply is one line from a child. Each has one field set.
type reply struct {
	Ready     bool            `json:"ready,omitempty"`
	Values    []value         `json:"values,omitempty"`    // subscriber: the newest of every topic
	Published *metrics.Report `json:"published,omitempty"` // publisher, at its end
	Summary   *record.Summary `json:"summary,omitempty"`   // recorder, player: at their end
	Received  *received       `json:"received,omitempty"`  // subscriber, at its end
}

func (r reply) final() bool { return r.Published != nil || r.Summary != nil || r.Received != nil }

type value struct {
	Topic string `json:"topic"`
	Text  string `json:"text"`
	Count uint64 `json:"count"`
}

type received struct {
	Messages uint64 `json:"messages"`
	Lost     uint64 `json:"lost"`
}

// childMain is main in a child.
func childMain() int {
	// An interrupt from the terminal reaches all processes of the demo, and the parent handles it. The end of the standard
	// input reports that the parent ended, so SIGPIPE is ignored.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	if err := subproc.Serve(context.Background(), os.Stdin, os.Stdout, serve); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, d *subproc.Parent) (err error) {
	var o request
	if err := d.Request(&o); err != nil {
		return err
	}
	p, err := topic.Join(&topic.Options{Dir: o.Dir, Domain: o.Domain, Unit: "demo-" + o.Role})
	if err != nil {
		return err
	}
	// A parent that no longer reads replies has closed the standard input too, which ends ctx.
	last, err := runRole(ctx, p, o, func(r reply) { _ = d.Reply(r) })
	if err = errors.Join(err, p.Close()); err != nil {
		return err
	}
	return d.Reply(last)
}

// runRole runs the requested role and returns its final reply.
func runRole(ctx context.Context, p *topic.Participant, o request, say func(reply)) (reply, error) {
	ready := func() { say(reply{Ready: true}) }
	switch o.Role {
	case rolePublisher:
		r, err := metrics.Run(ctx, p, &metrics.Options{
			Duration: o.Duration, Rate: o.Rate, Subscribers: o.Subscribers, Started: func(int) { ready() },
		})
		return reply{Published: &r}, err
	case roleSubscriber:
		r, err := subscribe(ctx, p, say)
		return reply{Received: &r}, err
	case roleRecorder:
		s, err := record.Record(ctx, p, o.File, &record.RecordOptions{Lossless: true, Started: ready})
		return reply{Summary: &s}, err
	case rolePlayer:
		s, err := record.Play(ctx, p, o.File, &record.PlayOptions{WaitSubscribers: o.Subscribers})
		return reply{Summary: &s}, errors.Join(err, s.Damage)
	}
	return reply{}, fmt.Errorf("there is no role %q", o.Role)
}

// refresh is how often the subscriber reports its values.
const refresh = 250 * time.Millisecond

// subscribe receives every topic of the domain, whatever its type, until ctx ends, and then what is still in the rings.
func subscribe(ctx context.Context, p *topic.Participant, say func(reply)) (_ received, err error) {
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "**", nil)
	if err != nil {
		return received{}, err
	}
	defer func() { err = errors.Join(err, sub.Close()) }()
	say(reply{Ready: true})

	seen := newLatest()
	told := time.Now()
	for ctx.Err() == nil {
		sample, err := sub.Receive(ctx)
		if err != nil && ctx.Err() == nil {
			return received{}, err
		}
		if err == nil {
			seen.take(sample)
		}
		if now := time.Now(); now.Sub(told) >= refresh {
			told = now
			say(reply{Values: seen.values()})
		}
	}
	for {
		sample, ok, err := sub.TryReceive()
		if err != nil {
			return received{}, err
		}
		if !ok {
			break
		}
		seen.take(sample)
	}
	say(reply{Values: seen.values()})
	stats := sub.Stats()
	return received{Messages: stats.Messages, Lost: stats.Lost}, nil
}

// latest keeps the newest sample of every topic.
type latest struct {
	describer *metrics.Describer
	topics    map[string]*newest
}

type newest struct {
	payload []byte
	count   uint64
}

func newLatest() *latest {
	return &latest{describer: metrics.NewDescriber(), topics: make(map[string]*newest)}
}

func (l *latest) take(s topic.Sample[[]byte]) {
	n := l.topics[s.Topic()]
	if n == nil {
		n = &newest{}
		l.topics[s.Topic()] = n
	}
	defer s.Release()
	payload, err := s.AppendTo(n.payload[:0])
	if err != nil {
		payload = nil // the publisher withdrew the payload
	}
	n.payload = payload
	n.count++
}

func (l *latest) values() []value {
	var all []value
	for _, name := range slices.Sorted(maps.Keys(l.topics)) {
		n := l.topics[name]
		text, err := l.describer.Describe(name, n.payload)
		if err != nil {
			text = err.Error()
		}
		all = append(all, value{Topic: name, Text: text, Count: n.count})
	}
	return all
}
