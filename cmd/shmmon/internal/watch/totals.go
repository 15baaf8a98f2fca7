package watch

import (
	"time"

	"github.com/shmbus/shmbus/registry"
)

// Totals count what topics publish during an observation, publishers that come and go included. The zero value is ready. It is
// for one goroutine at a time.
type Totals struct {
	began, at  int64
	publishers map[registry.EndpointID]count // as of the newest view
	topics     map[string]*Total
}

type count struct{ messages, bytes uint64 }

// A Total is what a topic published during the observation.
type Total struct {
	Messages, Bytes uint64
	Observed        time.Duration
	before, last    int64 // stamps of the newest message when the looking began, and now
	began           int64
}

// Add takes in a view, which must not be older than the one before.
func (t *Totals) Add(v View) {
	first := t.topics == nil
	if first {
		t.began, t.topics = v.At, make(map[string]*Total)
	}
	t.at = v.At
	now := make(map[registry.EndpointID]count)
	for _, topic := range v.Topics {
		total := t.topics[topic.Name]
		if total == nil {
			total = &Total{began: t.began}
			t.topics[topic.Name] = total
		}
		if first {
			total.before = topic.Last
		}
		total.last = max(total.last, topic.Last)
		for _, p := range topic.Publishers {
			c := count{p.Stats.Messages, p.Stats.Bytes}
			was, known := t.publishers[p.Endpoint.ID]
			switch {
			case !known && int64(p.Endpoint.Since) < t.began:
				was = c // it began before the looking
			case c.messages < was.messages || c.bytes < was.bytes:
				was = count{} // counters never go back: their writer began anew
			}
			total.Messages += c.messages - was.messages
			total.Bytes += c.bytes - was.bytes
			now[p.Endpoint.ID] = c
		}
	}
	t.publishers = now
}

// Of returns what a topic published since the first view.
func (t *Totals) Of(topic string) Total {
	if total := t.topics[topic]; total != nil {
		all := *total
		all.Observed = time.Duration(t.at - t.began)
		return all
	}
	return Total{Observed: time.Duration(t.at - t.began)}
}

// Length returns the time that the mean is taken over: that of looking. Its ends move to the newest messages then where these are no
// further away than messages usually are, so that a regular topic has a regular mean.
func (t Total) Length() time.Duration {
	if t.Messages == 0 || t.before <= 0 {
		return t.Observed
	}
	usual := int64(t.Observed) / int64(min(t.Messages, 1<<40))
	lead, silence := t.began-t.before, t.began+int64(t.Observed)-t.last
	if lead < 0 || lead > usual || silence < 0 || silence > usual || t.last <= t.before {
		return t.Observed
	}
	return time.Duration(t.last - t.before)
}

// Mean returns messages and bytes per second.
func (t Total) Mean() (messages, bytes float64) {
	s := t.Length().Seconds()
	if s <= 0 {
		return 0, 0
	}
	return float64(t.Messages) / s, float64(t.Bytes) / s
}
