package watch

import (
	"slices"
	"strings"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
)

// A View is what a Tracker makes of a snapshot. It does not change later.
type View struct {
	At           int64
	Participants []registry.Participant
	Stats        registry.Stats
	Backlogs     map[registry.EndpointID]Backlog // that Stats of subscriptions are with
	Space        shm.Space                       // of the file system of the domain
	Problems     []error
	Missing      bool // there is no directory of the domain
	// Died has participants, without Endpoints, that ended without leaving in the last minute, and whose files others removed.
	Died      []registry.Participant
	Topics    []Topic // by name
	Hidden    int     // topics that are there and not in Topics: those of services and parameters
	Rate      float64 // of all topics together, messages per second
	Bandwidth float64 // payload bytes per second
}

// A Topic is everything known of one topic name.
type Topic struct {
	Name        string
	Type        string // the first publisher's, or what subscriptions expect when there is none
	Encoding    string
	MoreTypes   int // how many other types are published under the name
	Publishers  []Publisher
	Subscribers []Subscriber // every subscription that asks for the topic
	Connected   int          // subscriptions that the publishers reach
	Mismatched  int          // subscriptions that expect another type
	Paused      int          // publishers and subscriptions whose process is stopped by a signal or a debugger

	Rate, Bandwidth float64       // per second, all publishers together
	Measured        bool          // the rate is of the present, not the average of the publishers' lives
	Window          time.Duration // the longest that the rate of a publisher is taken over; 0: none
	Size, MaxSize   uint64        // payload bytes: newest and largest message
	Messages, Bytes uint64        // of the publishers that are there now
	Last            int64         // stamp of the newest message, 0 before the first

	Lost       uint64 // by subscriptions of this topic alone
	LostShared uint64 // by subscriptions that cover other topics as well, over all of those
	// By subscriptions that limit age or rate, as Lost and LostShared: not delivered, and not lost.
	Stale, StaleShared, Filtered, FilteredShared uint64

	// Messages that subscriptions could not decode, as Lost and LostShared.
	Undecodable, UndecodableShared uint64

	// PayloadError says why the newest payload is not of the announced type; nil if it is, or was not decoded.
	PayloadError error

	Lag  uint64 // of the subscription that is furthest behind, over all its topics
	Held uint64 // samples that subscriptions have not released, over all their topics

	P50, P99    int64 // delay from publish to take, ns; -1 when none was sampled
	Worst       int64 // the greatest delay that was sampled, as P50
	DelayShared bool  // the delays are of subscriptions that cover other topics as well
	State       State
}

// A Publisher is one publisher of a topic and whose it is.
type Publisher struct {
	Owner           registry.Participant // without Endpoints
	Endpoint        registry.Endpoint
	Stats           registry.PublisherStats
	Rate, Bandwidth float64
	Stopped         bool
}

// A Subscriber is one subscription that asks for a topic and whose it is.
type Subscriber struct {
	Owner    registry.Participant // without Endpoints
	Endpoint registry.Endpoint
	Stats    registry.SubscriptionStats
	Shared   bool // its statistics cover other topics as well
	Mismatch bool // it expects another type than some publisher announces
	P50, P99 int64
}

// A State says in a word how a topic is.
type State string

// States of a topic.
const (
	Live    State = "live"    // messages come
	Quiet   State = "quiet"   // nothing was published yet
	Latched State = "latched" // a latched topic at rest
	Stale   State = "stale"   // messages used to come and do not any more
	Waiting State = "waiting" // subscriptions and no publisher
	Gone    State = "gone"    // the last publisher and subscription ended
)

// Present returns how many of the topics have a publisher or a subscription.
func Present(topics []Topic) (n int) {
	for _, t := range topics {
		if t.State != Gone {
			n++
		}
	}
	return n
}

// Find returns the topic of that name.
func (v View) Find(name string) (Topic, bool) {
	for _, t := range v.Topics {
		if t.Name == name {
			return t, true
		}
	}
	return Topic{}, false
}

// ForApplications returns the view without the topics of services and parameters, whose names begin with '$', and their rates. No wildcard
// matches these either.
func (v View) ForApplications() View {
	there := Present(v.Topics)
	v.Topics = slices.DeleteFunc(slices.Clone(v.Topics), func(t Topic) bool { return Internal(t.Name) })
	v.Hidden = there - Present(v.Topics)
	v.Rate, v.Bandwidth = 0, 0
	for _, t := range v.Topics {
		v.Rate += t.Rate
		v.Bandwidth += t.Bandwidth
	}
	return v
}

// Shows reports whether the view is also of the topic or the patterns of an endpoint.
func (v *View) Shows(e registry.Endpoint) bool {
	return v.Hidden == 0 || !Internal(e.Topic) && !slices.ContainsFunc(e.Patterns, Internal)
}

// Internal reports whether a topic or pattern is one of services or parameters.
func Internal(name string) bool { return strings.HasPrefix(name, "$") }

// IsPattern reports whether s stands for more than one name.
func IsPattern(s string) bool { return strings.ContainsRune(s, '*') }

// LostText returns the loss as people read it; "~" marks a figure that includes losses of other topics.
func (t Topic) LostText() string {
	if t.LostShared > 0 {
		return "~" + text.Count(t.Lost+t.LostShared)
	}
	return text.Count(t.Lost)
}

// DelayText returns a delay of the topic as people read it, with the same mark.
func (t Topic) DelayText(ns int64) string {
	switch {
	case ns < 0:
		return "-"
	case t.DelayShared:
		return "~" + text.Duration(ns)
	}
	return text.Duration(ns)
}
