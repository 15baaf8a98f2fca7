package topic

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// A requester is another participant as the one that wants links with publishers of ours. What it requests is kept, so that a
// look costs what changed since the last one.
type requester struct {
	file     *shmtransport.PeerFile
	requests map[uint32]shmtransport.LinkRequest   // by link: those to publishers of ours
	failed   map[uint32]bool                       // of these: links that could not be admitted, to be tried again
	leaving  map[shmtransport.LinkRequest]struct{} // taken back, and still watched by the publisher
}

// requesterOf opens the reader file of a participant. Called with mu held.
func (p *Participant) requesterOf(id registry.ID) (*requester, error) {
	if r := p.peers[id]; r != nil {
		return r, nil
	}
	path := p.reg.PeerPath(id, "reader")
	f, err := shmtransport.OpenPeerFile(path, uint64(id), func(path string, uid int) error { return registry.CheckOwner(path, uid, p.units[id].UID) })
	if err != nil {
		return nil, err
	}
	r := &requester{
		file: f, requests: map[uint32]shmtransport.LinkRequest{}, failed: map[uint32]bool{}, leaving: map[shmtransport.LinkRequest]struct{}{},
	}
	delete(p.illegible, id)
	p.peers[id] = r
	return r, nil
}

// admitFrom reads which links a participant requests of our publishers, and admits them. Called with mu held.
func (p *Participant) admitFrom(id registry.ID) {
	if len(p.pubs) == 0 {
		return
	}
	r, err := p.requesterOf(id)
	if errors.Is(err, fs.ErrNotExist) {
		return // it subscribes to nothing
	}
	if err != nil {
		p.again(err)
		p.misread(id, err)
		return
	}
	for number, pub := range p.lingering {
		if pub.writer.Prune(); pub.writer.Readers() == 0 {
			delete(p.lingering, number)
		}
	}
	failed := slices.Collect(maps.Keys(r.failed))
	us := uint64(p.reg.ID())
	var came []shmtransport.LinkRequest
	err = r.file.Changes(func(q shmtransport.LinkRequest, open bool) {
		was, had := r.requests[q.Link]
		wants := open && q.Publisher.Participant == us && p.pubs[q.Publisher.Number] != nil
		if had && wants && was == q {
			return
		}
		if had {
			p.takenBack(r, was)
		}
		if wants {
			r.requests[q.Link] = q
			came = append(came, q)
		}
	})
	if err != nil {
		p.misread(id, err)
	}
	for q := range r.leaving { // first, to make room
		p.prune(r, q)
	}
	for _, q := range came {
		p.answer(r, q)
	}
	for _, link := range failed {
		if r.failed[link] {
			p.answer(r, r.requests[link])
		}
	}
}

// answer admits a requested link, and notes that the subscription has decided. Called with mu held.
func (p *Participant) answer(r *requester, q shmtransport.LinkRequest) {
	delete(r.failed, q.Link)
	pub := p.pubs[q.Publisher.Number]
	if pub == nil {
		return // closed meanwhile
	}
	sub := registry.EndpointID{Participant: registry.ID(q.Reader), Number: q.Subscription}
	if err := pub.admit(r.file, q); err != nil {
		r.failed[q.Link] = true
		p.again(err)
		e, known := p.entities[sub] // the samples that are held of one that is closed keep its request
		if known && p.report(pair{pub.entity.ID, sub}, Event{Kind: Unavailable, Participant: p.units[sub.Participant], Endpoint: *e, Err: err}) {
			p.log.Warn("a subscription was not admitted", "topic", pub.entity.Topic, "participant", sub.Participant, "err", err)
		}
	} else {
		delete(p.unusable, pair{pub.entity.ID, sub})
	}
	if !pub.answered[sub] {
		pub.answered[sub] = true
		delete(p.silent, sub)
	}
}

// takenBack forgets a request that is there no more. Called with mu held.
func (p *Participant) takenBack(r *requester, q shmtransport.LinkRequest) {
	delete(r.requests, q.Link)
	delete(r.failed, q.Link)
	if pub := p.pubs[q.Publisher.Number]; pub != nil {
		delete(pub.answered, registry.EndpointID{Participant: registry.ID(q.Reader), Number: q.Subscription})
		r.leaving[q] = struct{}{}
	}
}

// prune ends the watch of a link that was taken back, once the reader says so in its page, which it does after the request is
// gone. Called with mu held.
func (p *Participant) prune(r *requester, q shmtransport.LinkRequest) {
	pub := p.pubs[q.Publisher.Number]
	if pub != nil {
		pub.writer.Prune()
	}
	if pub == nil || !pub.writer.HasReader(q) {
		delete(r.leaving, q)
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
	p.illegible[id] = Event{Kind: Unavailable, Participant: p.units[id], Err: err}
	p.log.Warn("a participant's subscriptions cannot be read", "participant", id, "err", err)
	p.emit(p.illegible[id])
}
