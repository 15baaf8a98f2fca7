package topic

import (
	"maps"
	"os"
	"slices"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// onChange is called by the registry for each change in the domain, in order and never concurrently. Changes of this
// participant are included. Publishers and subscriptions are connected in two steps:
//
//   - A participant with a matching subscription sees the publisher, requests a link in its reader file (or declines), and
//     notifies the publisher's participant (Notify).
//   - The notified participant reads the requests and admits them. The admission wakes the reader through the publisher's
//     wait word, so the reader does not read the registry for it.
//
// A participant with subscriptions therefore watches publishers. A participant with publishers only has to know the
// subscriptions, to wait for them when it creates a publisher: a subscription that wants a link notifies it.
//
// Every step may be repeated: an existing link is not created again, and an admitted link is not admitted again.
func (p *Participant) onChange(c registry.Change) {
	<-p.ready
	p.mu.Lock()
	defer p.mu.Unlock()
	id := c.Participant.ID
	switch c.Kind {
	case registry.Joined:
		p.participants[id] = c.Participant
		p.emit(Event{Kind: Joined, Participant: c.Participant})
	case registry.Left:
		if r := p.peers[id]; r != nil {
			for number, pub := range p.linked[id] {
				pub.writer.DetachReader(uint64(id), r.file.OwnerAlive)
				p.toPrune[number] = pub
			}
		}
		p.removeParticipant(id)
		p.emit(Event{Kind: Left, Participant: c.Participant})
	case registry.Died:
		for _, pub := range p.linked[id] {
			pub.writer.RemoveReader(uint64(id))
		}
		p.removeParticipant(id)
		p.emit(Event{Kind: Died, Participant: c.Participant})
	case registry.Added:
		p.emit(Event{Kind: Added, Participant: c.Participant, Endpoint: c.Endpoint})
		p.endpointAdded(&c.Endpoint)
		return // its Updated comes
	case registry.Removed:
		p.endpointRemoved(c.Endpoint)
		p.emit(Event{Kind: Removed, Participant: c.Participant, Endpoint: c.Endpoint})
		return // an Updated, or the end of the participant, follows
	case registry.Updated:
		if c.Files {
			p.admitFrom(id)
		}
		p.notifyPending()
	case registry.Corrupt, registry.VersionMismatch:
		p.log.Warn("a participant cannot be understood", "participant", id, "unit", c.Participant.Unit, "err", c.Err)
		e := Event{Kind: Unavailable, Participant: c.Participant, Err: c.Err}
		p.rememberUnparsable(e)
		p.emit(e)
	}
	p.signal()
}

// removeParticipant drops the state of a participant that left or died. Its rings no longer change: the participant said so
// itself, or the kernel confirms its death. Called with mu held.
func (p *Participant) removeParticipant(id registry.ID) {
	for _, sub := range p.subs {
		sub.reader.ParticipantExited(uint64(id))
	}
	if r := p.peers[id]; r != nil {
		for _, q := range r.requests {
			p.forgetRequest(r, q)
		}
		r.file.Close()
		delete(p.peers, id)
	}
	delete(p.participants, id)
	delete(p.linked, id)
	delete(p.pendingNotify, id)
	delete(p.unreadable, id)
	delete(p.unparsable, id)
}

// rememberUnparsable keeps the error about a participant for later listeners. The registry does not report the end of a
// participant that cannot be parsed. When the map is full, entries whose participant file is gone are therefore deleted.
// Called with mu held.
func (p *Participant) rememberUnparsable(e Event) {
	if len(p.unparsable) >= registry.MaxParticipants {
		maps.DeleteFunc(p.unparsable, func(id registry.ID, _ Event) bool { return p.fileMissing(id) })
	}
	if len(p.unparsable) < registry.MaxParticipants {
		p.unparsable[e.Participant.ID] = e
	}
}

// fileMissing reports whether a participant has no participant file.
func (p *Participant) fileMissing(id registry.ID) bool {
	_, err := os.Lstat(p.reg.PeerPath(id, "participant"))
	return err != nil
}

// notifyPending notifies the participants from whose publishers links were requested. Called with mu held.
func (p *Participant) notifyPending() {
	if len(p.pendingNotify) != 0 {
		p.reg.Notify(slices.Collect(maps.Keys(p.pendingNotify))...)
		clear(p.pendingNotify)
	}
}

// endpointAdded stores a new endpoint and connects or compares it with this participant's own endpoints. Called with mu
// held.
func (p *Participant) endpointAdded(e *registry.Endpoint) {
	p.endpoints[e.ID] = e
	switch e.Kind {
	case registry.KindPublisher:
		p.publishers.add(e.Topic, e.ID, e)
		for _, sub := range p.ownSubs.matching(e.Topic) {
			p.connect(sub, *e)
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
			p.compare(pub.endpoint, *e)
		}
	}
}

// compare reports a subscription that does not match the type of one of this participant's publishers. Called with mu held.
func (p *Participant) compare(pub, sub registry.Endpoint) {
	if err := p.reg.Match(pub, sub); err != nil {
		p.reportMismatch(pair{pub.ID, sub.ID}, sub, err)
	}
}

// endpointRemoved drops the state of an endpoint that is gone. Called with mu held.
func (p *Participant) endpointRemoved(e registry.Endpoint) {
	delete(p.endpoints, e.ID)
	delete(p.unresponsive, e.ID)
	for _, reported := range []map[pair]Event{p.mismatches, p.unavailable} {
		maps.DeleteFunc(reported, func(both pair, _ Event) bool { return both.pub == e.ID || both.sub == e.ID })
	}
	if e.Kind == registry.KindPublisher {
		p.publishers.remove(e.Topic, e.ID)
		for _, sub := range p.ownSubs.matching(e.Topic) {
			sub.publisherRemoved(e.ID)
		}
		return
	}
	p.interested.remove(e.Patterns, e.ID)
}

// endpoint returns what is known of an endpoint: at least its id, because it may have been removed meanwhile. Called with
// mu held.
func (p *Participant) endpoint(id registry.EndpointID) registry.Endpoint {
	if e := p.endpoints[id]; e != nil {
		return *e
	}
	return registry.Endpoint{ID: id}
}

// participantInfo returns what is known of a participant: at least its id, because corrupt memory may be found after its
// owner is gone. Called with mu held.
func (p *Participant) participantInfo(id registry.ID) registry.Participant {
	if u, ok := p.participants[id]; ok {
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
