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

// add takes the backlog into the figures of a subscription.
func (b Backlog) add(f registry.SubscriptionStats) registry.SubscriptionStats {
	f.Lag, f.Lost = b.Lag, f.Lost+b.Lost
	return f
}

// A backlogReader reads backlogs of the subscriptions whose own figures may be old: a subscription updates them when it takes samples,
// so those of one that hangs stay as they are. Subscriptions that take samples cost nothing.
type backlogReader struct {
	dir   string
	taken map[registry.EndpointID]uint64 // at the reading before
}

// read returns the backlogs of the subscriptions that have taken nothing since the call before. The statistics must be those of the same
// snapshot, read before: what is taken meanwhile is then missing in both, and never counted twice.
func (r *backlogReader) read(participants []registry.Participant, stats registry.Stats) map[registry.EndpointID]Backlog {
	backlogs := make(map[registry.EndpointID]Backlog)
	taken := make(map[registry.EndpointID]uint64, len(stats.Subscriptions))
	rings := make(map[shmtransport.PublisherID]*shmtransport.PublisherState)
	for _, p := range participants {
		idle := make(map[uint32]bool)
		for _, e := range p.Endpoints {
			f, ok := stats.Subscriptions[e.ID]
			if !ok {
				continue
			}
			taken[e.ID] = f.Messages + f.Stale + f.Filtered
			if was, known := r.taken[e.ID]; (!known || was == taken[e.ID]) && f.Publishers > 0 {
				idle[e.ID.Number] = true
			}
		}
		if len(idle) > 0 {
			r.readParticipant(p.ID, idle, stats, rings, backlogs)
		}
	}
	r.taken = taken
	return backlogs
}

func (r *backlogReader) readParticipant(id registry.ID, idle map[uint32]bool, stats registry.Stats, rings map[shmtransport.PublisherID]*shmtransport.PublisherState, backlogs map[registry.EndpointID]Backlog) {
	path := filepath.Join(r.dir, id.String()+"."+registry.SuffixReader)
	links, _ := shmtransport.InspectReader(path, uint64(id)) // a file that cannot be read leaves the subscription's own figures
	accounted := make(map[registry.EndpointID]uint64)
	for _, link := range links {
		if !idle[link.Subscription] {
			continue
		}
		ring, known := rings[link.Publisher]
		if !known {
			ring, _ = shmtransport.InspectHeader(r.publisherPath(link.Publisher), link.Publisher) // nil if it cannot be read
			rings[link.Publisher] = ring
		}
		if ring == nil || ring.Next(link) == 0 {
			continue
		}
		sub := registry.EndpointID{Participant: id, Number: link.Subscription}
		b, n := backlogs[sub], ring.Backlog(link)
		b.Lag += min(n, uint64(ring.Depth))
		b.Lost += n - min(n, uint64(ring.Depth))
		backlogs[sub] = b
		if a, ok := ring.Admission(link); ok && ring.Next(link) > a.Start {
			accounted[sub] += ring.Next(link) - a.Start
		}
	}
	for sub, b := range backlogs {
		// A subscription whose cursors went further than its counters reads the newest sample only (Latest): what it passes over is not lost.
		const slack = 16 // the counters follow the cursors
		if f := stats.Subscriptions[sub]; sub.Participant == id && accounted[sub] > f.Messages+f.Stale+f.Filtered+f.Lost+slack {
			b.Lost = 0
			backlogs[sub] = b
		}
	}
}

func (r *backlogReader) publisherPath(id shmtransport.PublisherID) string {
	return filepath.Join(r.dir, fmt.Sprintf("%v.%s%d", registry.ID(id.Participant), registry.SuffixPublisher, id.Number))
}
