package rules

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// rule holds a rule against the topics that it matches.
func (c *comparison) rule(r *Topic) {
	published := false
	for i := range c.view.Topics {
		t := &c.view.Topics[i]
		if t.State == watch.Gone || !registry.MatchPattern(r.Name, t.Name) {
			continue
		}
		published = published || len(t.Publishers) > 0
		c.state(r, t)
		c.rate(r, t)
		c.age(r, t)
		c.subscriptions(r, t)
	}
	if r.Required && !published {
		c.topic(Required, r.Name, 0, 0, "nothing publishes %s", r.Name)
	}
}

func (c *comparison) topic(kind Kind, name string, value, limit float64, format string, args ...any) {
	c.add(Alert{Kind: kind, Topic: name, Value: value, Limit: limit, What: fmt.Sprintf(format, args...)}, registry.EndpointID{})
}

func (c *comparison) state(r *Topic, t *watch.Topic) {
	if r.Stale && t.State == watch.Stale {
		silence := c.view.At - t.Last
		c.topic(Stale, t.Name, time.Duration(silence).Seconds(), 0, "%s has had no message for %s, much longer than usual", t.Name, text.Duration(silence))
	}
	if r.Mismatch && t.Mismatched > 0 {
		c.topic(Mismatch, t.Name, float64(t.Mismatched), 0, "%s of %s expects another type than is published", text.Many(t.Mismatched, "subscription"), t.Name)
	}
	if r.Undecodable && t.PayloadError != nil {
		c.topic(Undecodable, t.Name, 0, 0, "the newest message of %s is not of the announced type: %v", t.Name, t.PayloadError)
	}
}

// rate checks a topic that was observed for long enough to have a rate.
func (c *comparison) rate(r *Topic, t *watch.Topic) {
	if len(t.Publishers) == 0 {
		return // see age and required
	}
	if r.MaxRate > 0 && t.Measured && t.Rate > r.MaxRate {
		c.topic(MaxRate, t.Name, t.Rate, r.MaxRate, "%s has %s messages per second, more than %s", t.Name, text.Rate(t.Rate), text.Rate(r.MaxRate))
	}
	const messages = 3 // that a topic of the least rate would have published
	if r.MinRate > 0 && t.Rate < r.MinRate && (t.Measured || c.uptime(t) > messages/r.MinRate+1) {
		c.topic(MinRate, t.Name, t.Rate, r.MinRate, "%s has %s messages per second, less than %s", t.Name, text.Rate(t.Rate), text.Rate(r.MinRate))
	}
}

// uptime returns for how many seconds the topic has had a publisher.
func (c *comparison) uptime(t *watch.Topic) float64 {
	first := int64(math.MaxInt64)
	for _, p := range t.Publishers {
		first = min(first, int64(p.Endpoint.Since))
	}
	return time.Duration(max(0, c.view.At-first)).Seconds()
}

func (c *comparison) age(r *Topic, t *watch.Topic) {
	if r.MaxAge == 0 {
		return
	}
	limit := seconds(r.MaxAge)
	switch {
	case len(t.Publishers) == 0:
		c.topic(Age, t.Name, 0, limit, "%s has no publisher", t.Name)
	case t.Last > 0:
		if age := time.Duration(c.view.At - t.Last); age > time.Duration(r.MaxAge) {
			c.topic(Age, t.Name, age.Seconds(), limit, "the newest message of %s is %s old, more than %s", t.Name, text.Duration(int64(age)), text.Duration(int64(r.MaxAge)))
		}
	default:
		if up := c.uptime(t); up > limit {
			c.topic(Age, t.Name, up, limit, "%s has had a publisher for %s, and no message", t.Name, text.Duration(int64(up*1e9)))
		}
	}
}

// subscriptions checks what each subscription lost, has not taken and waited for. Figures that are of several topics together are an alert of
// their patterns, once for all topics.
func (c *comparison) subscriptions(r *Topic, t *watch.Topic) {
	for _, s := range t.Subscribers {
		owner, name := s.Owner, t.Name
		if s.Shared {
			name = strings.Join(s.Endpoint.Patterns, ", ")
		}
		alert := func(kind Kind, value, limit float64, format string, args ...any) {
			subject := fmt.Sprintf("the subscription of %s (pid %d) to %s ", owner.Unit, owner.PID, name)
			c.add(Alert{Kind: kind, Topic: name, Participant: owner, Value: value, Limit: limit, What: subject + fmt.Sprintf(format, args...)}, s.Endpoint.ID)
		}
		since := c.since(s)
		if r.MaxLost != nil && since.lost > uint64(*r.MaxLost) {
			alert(Lost, float64(since.lost), float64(*r.MaxLost), "lost %s", text.Many(since.lost, "message"))
		}
		if r.Undecodable && since.undecodable > 0 {
			alert(Undecodable, float64(since.undecodable), 0, "could not decode %s", text.Many(since.undecodable, "message"))
		}
		if r.MaxLag != nil && s.Stats.Lag > uint64(*r.MaxLag) {
			alert(Lag, float64(s.Stats.Lag), float64(*r.MaxLag), "is %s behind, more than %d", text.Many(s.Stats.Lag, "message"), *r.MaxLag)
		}
		if r.MaxLatency > 0 && s.P99 > int64(r.MaxLatency) {
			alert(Latency, time.Duration(s.P99).Seconds(), seconds(r.MaxLatency), "gets 99 %% of its messages within %s, more than %s",
				text.Duration(s.P99), text.Duration(int64(r.MaxLatency)))
		}
	}
}
