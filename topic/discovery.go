package topic

import (
	"maps"
	"os"
	"slices"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// onChange is told by the registry what changed in the domain, in order and one at a time, this participant's own changes
// included. It is where publishers and subscriptions meet:
//
//   - a subscription's participant sees a publisher, requests a link in its reader file (or declines), and says so to the
//     publisher's participant with Touch;
//   - that one sees the touch, reads the requests and admits them; the admission rings the publisher's bell, so the reader
//     need not look at the registry for it.
//
// So a participant with subscriptions follows publishers, and one with publishers need only know subscriptions, to wait
// for them when it makes a publisher: whoever wants something of it calls.
//
// Everything here may be repeated: a link that exists is not made again, an admitted one is not admitted again.
func (p *Participant) onChange(c registry.Change) {
	<-p.ready
	p.mu.Lock()
	defer p.mu.Unlock()
	id := c.Participant.ID
	switch c.Kind {
	case registry.Joined:
		p.units[id] = c.Participant
		p.emit(Event{Kind: Joined, Participant: c.Participant})
	case registry.Left:
		if r := p.peers[id]; r != nil {
			for number, pub := range p.linked[id] {
				pub.writer.DetachReader(uint64(id), r.file.OwnerAlive)
				p.lingering[number] = pub
			}
		}
		p.gone(id)
		p.emit(Event{Kind: Left, Participant: c.Participant})
	case registry.Died:
		for _, pub := range p.linked[id] {
			pub.writer.RemoveReader(uint64(id))
		}
		p.gone(id)
		p.emit(Event{Kind: Died, Participant: c.Participant})
	case registry.Added:
		p.emit(Event{Kind: Added, Participant: c.Participant, Endpoint: c.Endpoint})
		p.added(&c.Endpoint)
		return // its Touched comes
	case registry.Removed:
		p.removed(c.Endpoint)
		p.emit(Event{Kind: Removed, Participant: c.Participant, Endpoint: c.Endpoint})
		return // its Touched comes, or that it is gone
	case registry.Touched:
		if c.Files {
			p.admitFrom(id)
		}
		p.tellAsked()
	case registry.Corrupt, registry.VersionMismatch:
		p.log.Warn("a participant cannot be understood", "participant", id, "unit", c.Participant.Unit, "err", c.Err)
		e := Event{Kind: Unavailable, Participant: c.Participant, Err: c.Err}
		p.remember(e)
		p.emit(e)
	}
	p.signal()
}

// gone drops what is known of a participant that left or died. Its rings do not change any more: it says so itself, or the
// kernel does. Called with mu held.
func (p *Participant) gone(id registry.ID) {
	for _, sub := range p.subs {
		sub.reader.ParticipantExited(uint64(id))
	}
	if r := p.peers[id]; r != nil {
		for _, q := range r.requests {
			p.takenBack(r, q)
		}
		r.file.Close()
		delete(p.peers, id)
	}
	delete(p.units, id)
	delete(p.linked, id)
	delete(p.asked, id)
	delete(p.illegible, id)
	delete(p.strangers, id)
}

// remember keeps what is wrong with a participant for later listeners. Of the end of one that cannot be understood at all nobody
// is told, so now and then those are forgotten whose files are gone. Called with mu held.
func (p *Participant) remember(e Event) {
	if len(p.strangers) >= registry.MaxParticipants {
		maps.DeleteFunc(p.strangers, func(id registry.ID, _ Event) bool { return p.nameless(id) })
	}
	if len(p.strangers) < registry.MaxParticipants {
		p.strangers[e.Participant.ID] = e
	}
}

// nameless reports whether a participant has no file.
func (p *Participant) nameless(id registry.ID) bool {
	_, err := os.Lstat(p.reg.PeerPath(id, "participant"))
	return err != nil
}

// tellAsked makes those look of whose publishers links were requested. Called with mu held.
func (p *Participant) tellAsked() {
	if len(p.asked) != 0 {
		p.reg.Notify(slices.Collect(maps.Keys(p.asked))...)
		clear(p.asked)
	}
}

// added looks at what a new entity means to our own, and keeps it. Called with mu held.
func (p *Participant) added(e *registry.Endpoint) {
	p.entities[e.ID] = e
	switch e.Kind {
	case registry.KindPublisher:
		p.publishers.add(e.Topic, e.ID, e)
		for _, sub := range p.ownSubs.matching(e.Topic) {
			p.meet(sub, *e)
		}
		if e.ID.Participant != p.reg.ID() {
			return
		}
		for _, sub := range p.interested.matching(e.Topic) {
			p.compare(*e, *sub)
		}
	case registry.KindSubscription:
		p.interested.add(e.Patterns, e.ID, e)
		for _, pub := range p.ownPubs.matching(e.Patterns) {
			p.compare(pub.entity, *e)
		}
	}
}

// compare reports a subscription to a publisher of ours that does not suit it. Called with mu held.
func (p *Participant) compare(pub, sub registry.Endpoint) {
	if err := p.reg.Match(pub, sub); err != nil {
		p.mismatch(pair{pub.ID, sub.ID}, sub, err)
	}
}

// removed drops what is known of an entity that is gone. Called with mu held.
func (p *Participant) removed(e registry.Endpoint) {
	delete(p.entities, e.ID)
	delete(p.silent, e.ID)
	for _, reported := range []map[pair]Event{p.mismatches, p.unusable} {
		maps.DeleteFunc(reported, func(both pair, _ Event) bool { return both.pub == e.ID || both.sub == e.ID })
	}
	if e.Kind == registry.KindPublisher {
		p.publishers.remove(e.Topic, e.ID)
		for _, sub := range p.ownSubs.matching(e.Topic) {
			sub.publisherGone(e.ID)
		}
		return
	}
	p.interested.remove(e.Patterns, e.ID)
}

// entity is what is known of an entity, its id at least: it may have been removed meanwhile. Called with mu held.
func (p *Participant) entity(id registry.EndpointID) registry.Endpoint {
	if e := p.entities[id]; e != nil {
		return *e
	}
	return registry.Endpoint{ID: id}
}

// who is what is known of a participant, its id at least: what somebody spoiled may be found when it is gone. Called with mu held.
func (p *Participant) who(id registry.ID) registry.Participant {
	if u, ok := p.units[id]; ok {
		return u
	}
	return registry.Participant{ID: id}
}

func transportID(id registry.EndpointID) shmtransport.PublisherID {
	return shmtransport.PublisherID{Participant: uint64(id.Participant), Number: id.Number}
}

func publisherID(id shmtransport.PublisherID) PublisherID {
	return PublisherID{Participant: registry.ID(id.Participant), Number: id.Number}
}
