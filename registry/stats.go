package registry

import "github.com/shmbus/shmbus/internal/stats"

// PublisherStats are the statistics of a publisher. Each value is whole; they are not of the same instant.
type PublisherStats = stats.PublisherCounts

// SubscriptionStats are the statistics of a subscription. Each value is whole; they are not of the same instant.
type SubscriptionStats = stats.SubscriptionCounts

// Stats are the statistics of the endpoints of a domain.
type Stats struct {
	Publishers    map[EndpointID]PublisherStats
	Subscriptions map[EndpointID]SubscriptionStats
}

// Stats reads the present statistics of the endpoints in the last Snapshot. Endpoints that were withdrawn since then are missing.
// The caller owns the maps.
func (o *Observer) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := Stats{Publishers: make(map[EndpointID]PublisherStats), Subscriptions: make(map[EndpointID]SubscriptionStats)}
	for _, p := range o.peers {
		p.readStats(s)
	}
	return s
}

// readStats adds the statistics of the peer's endpoints to s.
func (p *peer) readStats(s Stats) {
	var b [stats.Size]byte
	for page, e := range p.entries {
		if e == nil {
			continue
		}
		if _, err := p.file.ReadAt(b[:], int64(pageOffset(page)+offCounters)); err != nil {
			continue
		}
		if e.endpoint.Kind == KindPublisher {
			s.Publishers[e.endpoint.ID] = stats.ReadPublisher(b[:])
		} else {
			s.Subscriptions[e.endpoint.ID] = stats.ReadSubscription(b[:])
		}
	}
	// The index is read after the statistics: meanwhile another endpoint may have got a page. The owner clears the index word
	// before it reuses a page.
	index, _ := p.readIndex(0, len(p.entries))
	for page, e := range p.entries {
		if e != nil && (page >= len(index) || index[page].word != e.word) {
			delete(s.Publishers, e.endpoint.ID)
			delete(s.Subscriptions, e.endpoint.ID)
		}
	}
}
