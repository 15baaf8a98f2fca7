// Package metrics keeps the figures of a domain as Prometheus metrics and writes them in the text format, version 0.0.4.
//
// Names follow the conventions of Prometheus: base units, a suffix for the unit, _total for counters. Counters of a topic add up what each
// publisher counted, so they go on when a publisher leaves or restarts; they never decrease while the topic exists. Labels are the topic
// and the unit, never a process id, so that restarts make no new series.
//
// The format is written here and not by the client library: that one keeps what a program measures of itself, and needs nine more
// modules for a fixed list of figures that are read elsewhere.
package metrics

import (
	"sync"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// An Exporter makes metrics of views. Its methods may be called concurrently.
type Exporter struct {
	mu            sync.Mutex
	publishers    map[registry.EndpointID]*counted
	subscriptions map[registry.EndpointID]*counted
	topics        map[string]*topicTotals
	readers       map[readerLabels]*readerTotals
	servers       map[registry.EndpointID]*counted // by the publishers of their figures
	services      map[string]*serviceTotals
	text          []byte
}

// New returns an Exporter that has seen nothing.
func New() *Exporter {
	e := &Exporter{publishers: make(map[registry.EndpointID]*counted), subscriptions: make(map[registry.EndpointID]*counted), servers: make(map[registry.EndpointID]*counted)}
	e.Fail()
	return e
}

// forget is after how long the counters of an endpoint that is not seen any more are forgotten. One whose record cannot be read for a moment
// goes on where it was.
const forget = int64(time.Minute)

// A counted is the counters of an endpoint, each as high as it ever was.
type counted struct {
	values [3]uint64
	at     int64 // of the newest view that has it
}

// grow takes in counters and returns by how much they grew. They belong to another process and may decrease.
func grow(all map[registry.EndpointID]*counted, id registry.EndpointID, at int64, now [3]uint64) (grown [3]uint64) {
	c := all[id]
	if c == nil {
		c = &counted{}
		all[id] = c
	}
	c.at = at
	for i, n := range now {
		if n > c.values[i] {
			grown[i], c.values[i] = n-c.values[i], n
		}
	}
	return grown
}

func forgetOld(all map[registry.EndpointID]*counted, at int64) {
	for id, c := range all {
		if at-c.at > forget {
			delete(all, id)
		}
	}
}

// A topicTotals is the figures of a topic.
type topicTotals struct {
	messages, bytes, failed float64
	topic                   watch.Topic
}

// A readerLabels names subscriptions that count together: those of one unit to the same topics.
type readerLabels struct{ topic, unit string }

// A readerTotals is the figures of subscriptions that count together.
type readerTotals struct {
	messages, lost, undecodable float64
	count, lag, held            uint64
	p50, p99                    int64 // ns; -1: not measured
}

// A Scan is what metrics are made of.
type Scan struct {
	View     watch.View
	Now      time.Time // wall-clock time of the view
	Alerts   []rules.Alert
	Services []services.Service
	Figures  map[registry.EndpointID]services.Figures // of the servers, as in a services.Reading
}

// Add makes metrics of a scan, which must not be older than the one before.
func (e *Exporter) Add(s Scan) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v := s.View
	topics, readers := make(map[string]*topicTotals), make(map[readerLabels]*readerTotals)
	seen := make(map[registry.EndpointID]bool) // a subscription may be to many topics
	for _, t := range v.Topics {
		if t.State == watch.Gone {
			continue
		}
		total := &topicTotals{}
		if was := e.topics[t.Name]; was != nil {
			*total = *was
		}
		total.topic = t
		for _, p := range t.Publishers {
			grown := grow(e.publishers, p.Endpoint.ID, v.At, [3]uint64{p.Stats.Messages, p.Stats.Bytes, p.Stats.Failed})
			total.messages, total.bytes, total.failed = total.messages+float64(grown[0]), total.bytes+float64(grown[1]), total.failed+float64(grown[2])
		}
		topics[t.Name] = total
		for _, s := range t.Subscribers {
			if id := s.Endpoint.ID; !seen[id] {
				seen[id] = true
				e.addReader(readers, s, v.At)
			}
		}
	}
	forgetOld(e.publishers, v.At)
	forgetOld(e.subscriptions, v.At)
	e.topics, e.readers = topics, readers
	e.addServices(s)
	e.text = render(e.families(s))
}

func (e *Exporter) addReader(readers map[readerLabels]*readerTotals, s watch.Subscriber, at int64) {
	key := readerLabels{patterns(s.Endpoint), s.Owner.Unit}
	total := readers[key]
	if total == nil {
		total = &readerTotals{p50: -1, p99: -1}
		if was := e.readers[key]; was != nil {
			total.messages, total.lost, total.undecodable = was.messages, was.lost, was.undecodable
		}
		readers[key] = total
	}
	grown := grow(e.subscriptions, s.Endpoint.ID, at, [3]uint64{s.Stats.Messages, s.Stats.Lost, s.Stats.DecodeErrors})
	total.messages, total.lost, total.undecodable = total.messages+float64(grown[0]), total.lost+float64(grown[1]), total.undecodable+float64(grown[2])
	total.count++
	total.lag, total.held = max(total.lag, s.Stats.Lag), total.held+min(s.Stats.Held, 1<<40)
	total.p50, total.p99 = max(total.p50, s.P50), max(total.p99, s.P99)
}

// Fail makes metrics that only say that the domain could not be read. The counters go on with the next Add.
func (e *Exporter) Fail() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = render([]*family{up(0)})
}

// Text returns the metrics of the newest view. The caller must not change it.
func (e *Exporter) Text() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text
}
