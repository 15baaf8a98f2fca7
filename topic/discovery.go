package topic

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
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
		if f := p.peers[id]; f != nil {
			for number, pub := range p.linked[id] {
				pub.writer.Leave(uint64(id), f.Mapped)
				p.lingering[number] = pub
			}
		}
		p.gone(id)
		p.emit(Event{Kind: Left, Participant: c.Participant})
	case registry.Died:
		for _, pub := range p.linked[id] {
			pub.writer.Dismiss(uint64(id))
		}
		p.gone(id)
		p.emit(Event{Kind: Died, Participant: c.Participant})
	case registry.Added:
		p.emit(Event{Kind: Added, Participant: c.Participant, Entity: c.Entity})
		p.added(&c.Entity)
		return // its Touched comes
	case registry.Removed:
		p.removed(c.Entity)
		p.emit(Event{Kind: Removed, Participant: c.Participant, Entity: c.Entity})
		return // its Touched comes, or that it is gone
	case registry.Touched:
		if c.Files {
			p.admitFrom(id)
		}
		p.tellAsked()
	case registry.Corrupt, registry.Incompatible:
		p.log.Warn("a participant cannot be understood", "participant", id, "unit", c.Participant.Unit, "err", c.Err)
		e := Event{Kind: Unusable, Participant: c.Participant, Err: c.Err}
		p.remember(e)
		p.emit(e)
	}
	p.signal()
}

// gone drops what is known of a participant that left or died. Its rings do not change any more: it says so itself, or the
// kernel does. Called with mu held.
func (p *Participant) gone(id registry.ID) {
	for _, sub := range p.subs {
		sub.reader.Gone(uint64(id))
	}
	if f := p.peers[id]; f != nil {
		f.Close()
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
		p.reg.Touch(slices.Collect(maps.Keys(p.asked))...)
		clear(p.asked)
	}
}

// added looks at what a new entity means to our own, and keeps it. Called with mu held.
func (p *Participant) added(e *registry.Entity) {
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
func (p *Participant) compare(pub, sub registry.Entity) {
	if err := p.reg.Match(pub, sub); err != nil {
		p.mismatch(pair{pub.ID, sub.ID}, sub, err)
	}
}

// removed drops what is known of an entity that is gone. Called with mu held.
func (p *Participant) removed(e registry.Entity) {
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
	for _, pub := range p.ownPubs.matching(e.Patterns) {
		delete(pub.answered, e.ID)
	}
}

// meet connects a subscription of ours with a publisher that its patterns match, or declines. Called with mu held.
func (p *Participant) meet(sub *subscription, pub registry.Entity) {
	if sub.knows(pub.ID) || sub.refused[pub.ID] != nil {
		return
	}
	wanted := sub.likes(pub)
	if wanted {
		if err := p.reg.Match(pub, sub.entity); err != nil {
			p.mismatch(pair{pub.ID, sub.entity.ID}, pub, err)
			wanted = false
		}
	}
	f, err := p.readerFile()
	switch {
	case err != nil:
	case wanted:
		err = sub.connect(f, p.publisherPath(pub.ID), pub)
	default:
		err = sub.decline(f, pub.ID)
	}
	switch {
	case err == nil:
		p.asked[pub.ID.Participant] = true
		delete(p.unusable, pair{pub.ID, sub.entity.ID}) // it may have taken several attempts
	case errors.Is(err, fs.ErrNotExist): // closed meanwhile; its Removed is on the way
	case isRefusal(err): // for good: a process does not get other groups
		sub.refused[pub.ID] = err
		p.useless(sub, pub, err)
		if err := sub.decline(f, pub.ID); err == nil {
			p.asked[pub.ID.Participant] = true // or its constructor would wait for an answer
		}
	default:
		p.again(err)
		p.useless(sub, pub, err)
	}
}

// isRefusal reports whether the kernel or the policy of the domain does not let the two sides meet.
func isRefusal(err error) bool {
	return errors.As(err, new(*registry.AccessError)) || errors.As(err, new(*registry.ForbiddenError))
}

// useless reports once that a publisher cannot be read. Called with mu held.
func (p *Participant) useless(sub *subscription, pub registry.Entity, err error) {
	if p.report(pair{pub.ID, sub.entity.ID}, Event{Kind: Unusable, Participant: p.who(pub.ID.Participant), Entity: pub, Err: err}) {
		p.log.Warn("a publisher cannot be read", "topic", pub.Topic, "publisher", pub.ID, "err", err)
	}
}

// report emits, once, that two ends cannot meet, and says whether it did. Later listeners hear it too, as long as the other
// end is there: what is found out afterwards nobody would ever forget. Called with mu held.
func (p *Participant) report(both pair, e Event) bool {
	if _, reported := p.unusable[both]; reported {
		return false
	}
	if p.entities[e.Entity.ID] != nil {
		p.unusable[both] = e
	}
	p.emit(e)
	return true
}

// entity is what is known of an entity, its id at least: it may have been removed meanwhile. Called with mu held.
func (p *Participant) entity(id registry.EntityID) registry.Entity {
	if e := p.entities[id]; e != nil {
		return *e
	}
	return registry.Entity{ID: id}
}

// who is what is known of a participant, its id at least: what somebody spoiled may be found when it is gone. Called with mu held.
func (p *Participant) who(id registry.ID) registry.Participant {
	if u, ok := p.units[id]; ok {
		return u
	}
	return registry.Participant{ID: id}
}

// retryPause is how long after it did not work a connection is tried again.
const retryPause = time.Second

// again arranges that what err prevented is tried again, unless nothing can change it. Called with mu held.
func (p *Participant) again(err error) {
	if p.closed || p.retry != nil || errors.As(err, new(*shmtransport.CorruptError)) || errors.As(err, new(*shmtransport.VersionError)) ||
		errors.As(err, new(*registry.CorruptError)) {
		return
	}
	p.retry = time.AfterFunc(retryPause, p.meetAgain)
}

// meetAgain connects everybody who is not connected. It is for what failed for want of memory, descriptors or the like.
func (p *Participant) meetAgain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retry = nil
	if p.closed {
		return
	}
	for _, sub := range p.subs {
		sub.reader.Retry()
		for _, e := range p.publishers.matching(sub.entity.Patterns) {
			p.meet(sub, *e)
		}
	}
	for id := range p.units {
		p.admitFrom(id)
	}
	p.tellAsked()
	p.signal()
}

// mismatch reports once that two ends do not fit; other is the one that is not ours. Called with mu held.
func (p *Participant) mismatch(both pair, other registry.Entity, err error) {
	if _, reported := p.mismatches[both]; reported {
		return
	}
	p.mismatches[both] = Event{Kind: TypeMismatch, Participant: p.units[other.ID.Participant], Entity: other, Err: err}
	p.log.Warn("types do not match", "err", err)
	p.emit(p.mismatches[both])
}

// admitFrom reads which links a participant requests of our publishers, and admits them. Called with mu held.
func (p *Participant) admitFrom(id registry.ID) {
	if len(p.pubs) == 0 {
		return
	}
	f := p.peers[id]
	if f == nil {
		var err error
		f, err = shmtransport.OpenPeerFile(p.reg.PeerPath(id, "reader"), uint64(id),
			func(uid int) error { return registry.CheckOwner(p.reg.PeerPath(id, "reader"), uid, p.units[id].UID) })
		if errors.Is(err, fs.ErrNotExist) {
			return // it subscribes to nothing
		}
		if err != nil {
			p.again(err)
			p.misread(id, err)
			return
		}
		delete(p.illegible, id)
		p.peers[id] = f
	}
	for _, pub := range p.linked[id] {
		pub.writer.Prune()
	}
	for number, pub := range p.lingering {
		if pub.writer.Prune(); pub.writer.Readers() == 0 {
			delete(p.lingering, number)
		}
	}
	err := f.Requests(uint64(p.reg.ID()), func(q shmtransport.LinkRequest) {
		pub := p.pubs[q.Publisher.Number]
		if pub == nil {
			return
		}
		sub := registry.EntityID{Participant: id, Number: q.Subscription}
		e, known := p.entities[sub] // the samples that are held of one that is closed keep its request
		if err := pub.admit(f, q); err != nil {
			p.again(err)
			if known && p.report(pair{pub.entity.ID, sub}, Event{Kind: Unusable, Participant: p.units[id], Entity: *e, Err: err}) {
				p.log.Warn("a subscription was not admitted", "topic", pub.entity.Topic, "participant", id, "err", err)
			}
		} else {
			delete(p.unusable, pair{pub.entity.ID, sub})
		}
		if known && !pub.answered[sub] {
			pub.answered[sub] = true
			delete(p.silent, sub)
		}
	})
	if err != nil {
		p.misread(id, err)
	}
}

// misread reports, once, that the requests of a participant cannot be read. For want of descriptors or memory here that is only
// tried again, without a word of the other. Called with mu held.
func (p *Participant) misread(id registry.ID, err error) {
	if shm.IsOurWant(err) {
		return
	}
	if _, reported := p.illegible[id]; reported || p.units[id].ID != id {
		return
	}
	p.illegible[id] = Event{Kind: Unusable, Participant: p.units[id], Err: err}
	p.log.Warn("a participant's subscriptions cannot be read", "participant", id, "err", err)
	p.emit(p.illegible[id])
}

func transportID(id registry.EntityID) shmtransport.PublisherID {
	return shmtransport.PublisherID{Participant: uint64(id.Participant), Number: id.Number}
}
