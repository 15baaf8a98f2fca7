package watch

import (
	"fmt"
	"path/filepath"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// A Backlog is what a subscription has not taken, by the heads of its publishers and its own cursors.
type Backlog struct {
	Lag  uint64 // messages that are still in the rings
	Lost uint64 // messages that are overwritten, and that the subscription counts as lost when it takes the next one
}

// A backlogReader reads backlogs of the subscriptions whose own figures may be old: a subscription updates them when it takes samples,
// so those of one that hangs stay as they are. Subscriptions that take samples cost nothing, nor do those of topics at rest.
type backlogReader struct {
	dir           string
	subscriptions map[registry.EndpointID]idleSubscription // as of the reading before
	rings         map[shmtransport.PublisherID]readRing    // that backlogs were computed of
}

// An idleSubscription is what a subscription had taken, and its links if they were read: these stay as they are while it takes nothing.
type idleSubscription struct {
	taken, publishers uint64
	links             []shmtransport.LinkState
}

// A readRing is the header of a publisher's file when it had published so many messages.
type readRing struct {
	messages uint64
	header   *shmtransport.PublisherState // nil: it cannot be read
	gone     bool                         // the file is gone, and the header that which was read last
}

// read returns the backlogs of the subscriptions that have taken nothing since the call before. The statistics must be those of the same
// snapshot, read before: what is taken meanwhile is then missing in both, and never counted twice.
func (r *backlogReader) read(participants []registry.Participant, stats registry.Stats) map[registry.EndpointID]Backlog {
	c := backlogReading{
		reader: r, stats: stats, backlogs: make(map[registry.EndpointID]Backlog),
		subscriptions: make(map[registry.EndpointID]idleSubscription, len(stats.Subscriptions)), rings: make(map[shmtransport.PublisherID]readRing),
	}
	for _, p := range participants {
		c.participant(p)
	}
	r.subscriptions, r.rings = c.subscriptions, c.rings
	return c.backlogs
}

// A backlogReading is one call of read.
type backlogReading struct {
	reader        *backlogReader
	stats         registry.Stats
	backlogs      map[registry.EndpointID]Backlog
	subscriptions map[registry.EndpointID]idleSubscription
	rings         map[shmtransport.PublisherID]readRing
}

func taken(f registry.SubscriptionStats) uint64 { return f.Messages + f.Stale + f.Filtered }

func (c *backlogReading) participant(p registry.Participant) {
	var idle []registry.EndpointID
	unread := false
	for _, e := range p.Endpoints {
		f, ok := c.stats.Subscriptions[e.ID]
		if !ok {
			continue
		}
		s := idleSubscription{taken: taken(f), publishers: f.Publishers}
		was, known := c.reader.subscriptions[e.ID]
		if (!known || was.taken == s.taken) && f.Publishers > 0 {
			idle = append(idle, e.ID)
			if s.links = was.links; !c.current(was, s) {
				s.links, unread = nil, true
			}
		}
		c.subscriptions[e.ID] = s
	}
	if unread {
		c.readLinks(p.ID)
	}
	for _, id := range idle {
		c.backlog(id, p.State == registry.StateStopped)
	}
}

// current reports whether the links that were read before are still all that a subscription has.
func (c *backlogReading) current(was, now idleSubscription) bool {
	if was.publishers != now.publishers || uint64(len(was.links)) < now.publishers {
		return false
	}
	for _, l := range was.links {
		if _, there := c.stats.Publishers[endpointID(l.Publisher)]; !there {
			return false
		}
	}
	return true
}

func endpointID(id shmtransport.PublisherID) registry.EndpointID {
	return registry.EndpointID{Participant: registry.ID(id.Participant), Number: id.Number}
}

// readLinks reads the links of a participant whose subscriptions have none. A file that cannot be read leaves their own figures.
func (c *backlogReading) readLinks(id registry.ID) {
	links, _ := shmtransport.InspectReader(filepath.Join(c.reader.dir, id.String()+"."+registry.SuffixReader), uint64(id))
	read := make(map[registry.EndpointID][]shmtransport.LinkState)
	for _, l := range links {
		l.Marks = nil
		sub := registry.EndpointID{Participant: id, Number: l.Subscription}
		read[sub] = append(read[sub], l)
	}
	for sub, links := range read {
		if s, ok := c.subscriptions[sub]; ok && s.links == nil {
			s.links = links
			c.subscriptions[sub] = s
		}
	}
}

// ring returns the header of a publisher, which is read again after it has published.
func (c *backlogReading) ring(id shmtransport.PublisherID) readRing {
	if r, ok := c.rings[id]; ok {
		return r
	}
	r, ok := c.reader.rings[id]
	if f, there := c.stats.Publishers[endpointID(id)]; !there && r.header != nil {
		r.gone = true
	} else if n := f.Messages; !ok || r.header == nil || r.messages != n {
		path := filepath.Join(c.reader.dir, fmt.Sprintf("%v.%s%d", registry.ID(id.Participant), registry.SuffixPublisher, id.Number))
		r.messages, r.gone = n, false
		r.header, _ = shmtransport.InspectHeader(path, id)
	}
	c.rings[id] = r
	return r
}

// backlog computes the backlog of a subscription of its links. One whose process is stopped has also that of publishers that have ended: it
// will find it when it continues. Others know themselves that these ended.
func (c *backlogReading) backlog(id registry.EndpointID, stopped bool) {
	var b Backlog
	var accounted uint64
	known := false
	for _, link := range c.subscriptions[id].links {
		r := c.ring(link.Publisher)
		ring := r.header
		if ring == nil || r.gone && !stopped || ring.Next(link) == 0 {
			continue
		}
		known = true
		n := ring.Backlog(link)
		b.Lag += min(n, uint64(ring.Depth))
		b.Lost += n - min(n, uint64(ring.Depth))
		if a, ok := ring.Admission(link); ok && ring.Next(link) > a.Start {
			accounted += ring.Next(link) - a.Start
		}
	}
	// A subscription whose cursors went further than its counters reads the newest sample only (Latest): what it passes over is not lost.
	const slack = 16 // the counters follow the cursors
	if f := c.stats.Subscriptions[id]; accounted > taken(f)+f.Lost+slack {
		b.Lost = 0
	}
	if known {
		c.backlogs[id] = b
	}
}
