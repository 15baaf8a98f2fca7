package topic

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// A requester is another participant that requests links to publishers of this participant. Its requests are kept, so that
// reading them again costs only what changed.
type requester struct {
	file      *shmtransport.PeerFile
	requests  map[uint32]shmtransport.LinkRequest   // by link; to publishers of this participant
	failed    map[uint32]bool                       // links of these whose admission failed, to be retried
	withdrawn map[shmtransport.LinkRequest]struct{} // withdrawn, and still read by the publisher
}

// requesterOf returns the requester of a participant, opening its reader file on first use. Called with mu held.
func (p *Participant) requesterOf(id registry.ID) (*requester, error) {
	if r := p.peers[id]; r != nil {
		return r, nil
	}
	path := p.reg.PeerPath(id, "reader")
	f, err := shmtransport.OpenPeerFile(path, uint64(id), func(path string, uid int) error { return registry.CheckOwner(path, uid, p.participants[id].UID) })
	if err != nil {
		return nil, err
	}
	r := &requester{
		file: f, requests: map[uint32]shmtransport.LinkRequest{}, failed: map[uint32]bool{}, withdrawn: map[shmtransport.LinkRequest]struct{}{},
	}
	delete(p.unreadable, id)
	p.peers[id] = r
	return r, nil
}

// admitFrom reads the link requests of a participant and admits those to this participant's publishers. Called with mu
// held.
func (p *Participant) admitFrom(id registry.ID) {
	if len(p.pubs) == 0 {
		return
	}
	r, err := p.requesterOf(id)
	if errors.Is(err, fs.ErrNotExist) {
		return // the participant has no subscription
	}
	if err != nil {
		p.scheduleRetry(err)
		p.reportUnreadable(id, err)
		return
	}
	for number, pub := range p.toPrune {
		if pub.writer.Prune(); pub.writer.Readers() == 0 {
			delete(p.toPrune, number)
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
			p.forgetRequest(r, was)
		}
		if wants {
			r.requests[q.Link] = q
			came = append(came, q)
		}
	})
	if err != nil {
		p.reportUnreadable(id, err)
	}
	for q := range r.withdrawn { // before the new requests, to free their places
		p.prune(r, q)
	}
	for _, q := range came {
		p.handleRequest(r, q)
	}
	for _, link := range failed {
		if r.failed[link] {
			p.handleRequest(r, r.requests[link])
		}
	}
}

// handleRequest admits a requested link and records that the subscription has answered. Called with mu held.
func (p *Participant) handleRequest(r *requester, q shmtransport.LinkRequest) {
	delete(r.failed, q.Link)
	pub := p.pubs[q.Publisher.Number]
	if pub == nil {
		return // the publisher closed meanwhile
	}
	sub := registry.EndpointID{Participant: registry.ID(q.Reader), Number: q.Subscription}
	if err := pub.admit(r.file, q); err != nil {
		r.failed[q.Link] = true
		p.scheduleRetry(err)
		e, known := p.endpoints[sub] // a closed subscription that still holds samples keeps its request
		if known && p.report(pair{pub.endpoint.ID, sub}, Event{Kind: Unavailable, Participant: p.participants[sub.Participant], Endpoint: *e, Err: err}) {
			p.log.Warn("a subscription was not admitted", "topic", pub.endpoint.Topic, "participant", sub.Participant, "err", err)
		}
	} else {
		delete(p.unavailable, pair{pub.endpoint.ID, sub})
	}
	if !pub.answered[sub] {
		pub.answered[sub] = true
		delete(p.unresponsive, sub)
	}
}

// forgetRequest forgets a request that was withdrawn. Called with mu held.
func (p *Participant) forgetRequest(r *requester, q shmtransport.LinkRequest) {
	delete(r.requests, q.Link)
	delete(r.failed, q.Link)
	if pub := p.pubs[q.Publisher.Number]; pub != nil {
		delete(pub.answered, registry.EndpointID{Participant: registry.ID(q.Reader), Number: q.Subscription})
		r.withdrawn[q] = struct{}{}
	}
}

// prune detaches a withdrawn link from its publisher when the reader says in its page that it is done. The reader does so
// after it has withdrawn the request. Called with mu held.
func (p *Participant) prune(r *requester, q shmtransport.LinkRequest) {
	pub := p.pubs[q.Publisher.Number]
	if pub != nil {
		pub.writer.Prune()
	}
	if pub == nil || !pub.writer.HasReader(q) {
		delete(r.withdrawn, q)
	}
}

// reportUnreadable reports once that the requests of a participant cannot be read. A lack of descriptors or memory in this
// process is retried and not reported, because the other participant is not its cause. Called with mu held.
func (p *Participant) reportUnreadable(id registry.ID, err error) {
	if errdefs.IsLocalShortage(err) {
		return
	}
	if _, reported := p.unreadable[id]; reported || p.participants[id].ID != id {
		return
	}
	p.unreadable[id] = Event{Kind: Unavailable, Participant: p.participants[id], Err: err}
	p.log.Warn("a participant's subscriptions cannot be read", "participant", id, "err", err)
	p.emit(p.unreadable[id])
}
