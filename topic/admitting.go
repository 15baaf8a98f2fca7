package topic

import (
	"errors"
	"io/fs"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// admitFrom reads which links a participant requests of our publishers, and admits them. Called with mu held.
func (p *Participant) admitFrom(id registry.ID) {
	if len(p.pubs) == 0 {
		return
	}
	f := p.peers[id]
	if f == nil {
		var err error
		f, err = shmtransport.OpenPeerFile(p.reg.PeerPath(id, "reader"), uint64(id),
			func(path string, uid int) error { return registry.CheckOwner(path, uid, p.units[id].UID) })
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
