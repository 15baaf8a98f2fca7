package group

import (
	"slices"
	"sync"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A holder is another member as its accounts show it.
type holder struct {
	member uint64
	held   map[topic.PublisherID][]uint64 // sequences
	first  map[topic.PublisherID]uint64   // that it accounts for
}

// peers are the other members, by the publishers of their accounts and announcements. A member that left or died is removed when all of
// its messages were read.
type peers struct {
	holders    map[topic.PublisherID]*holder
	announced  map[topic.PublisherID]announcement
	processes  map[topic.PublisherID]registry.Participant // of the announcements
	mu         sync.Mutex                                 // guards ended alone
	ended      []topic.PublisherID
	scratch    account
	scratchMsg []byte
}

func newPeers() peers {
	return peers{
		holders: map[topic.PublisherID]*holder{}, announced: map[topic.PublisherID]announcement{}, processes: map[topic.PublisherID]registry.Participant{},
	}
}

// end notes that a publisher is gone and its messages are read.
func (p *peers) end(id topic.PublisherID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = append(p.ended, id)
}

// removeEnded removes the members that are gone, and reports whether there were any.
func (p *peers) removeEnded() (gone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone = len(p.ended) > 0
	for _, id := range p.ended {
		delete(p.holders, id)
		delete(p.announced, id)
		delete(p.processes, id)
	}
	p.ended = p.ended[:0]
	return gone
}

// hear enters an account. Its slices are not kept.
func (p *peers) hear(from topic.PublisherID, a account) {
	h := p.holders[from]
	if h == nil {
		if len(p.holders) >= maxMembers {
			return
		}
		h = &holder{member: a.member, held: map[topic.PublisherID][]uint64{}, first: map[topic.PublisherID]uint64{}}
		p.holders[from] = h
	}
	h.member = a.member
	if _, known := h.first[a.pub]; known || len(h.first) < maxAccounts {
		h.first[a.pub] = a.first
	}
	held := h.held[a.pub][:0]
	for _, c := range a.claims {
		if c&claimHeld != 0 {
			held = append(held, c&^claimHeld)
		}
	}
	if len(held) == 0 {
		delete(h.held, a.pub)
		return
	}
	if len(h.held) < maxClaims {
		h.held[a.pub] = held
	}
}

// holds reports whether another member has said that it has a sample, and not yet that it has it no longer.
func (p *peers) holds(pub topic.PublisherID, sequence uint64) bool {
	for _, h := range p.holders {
		if slices.Contains(h.held[pub], sequence) {
			return true
		}
	}
	return false
}

// readable reports whether the accounts of a member are read.
func (p *peers) readable(member uint64) bool {
	for _, h := range p.holders {
		if h.member == member {
			return true
		}
	}
	return false
}

// noticed returns the members that have announced themselves and whose accounts are read, and whether there is one whose accounts are not
// read yet.
func (p *peers) noticed() (members []uint64, missing bool) {
	for _, a := range p.announced {
		if p.readable(a.member) {
			members = append(members, a.member)
		} else {
			missing = true
		}
	}
	slices.Sort(members)
	return members[:min(len(members), maxMembers)], missing
}

// told returns the members that take part and have noticed another one, and whose accounts are read. They published before they noticed that
// one what had been acknowledged by members that are gone.
func (p *peers) told(other uint64) (members []*holder) {
	for _, a := range p.announced {
		if !a.joined || !slices.Contains(a.noticed, other) {
			continue
		}
		for _, h := range p.holders {
			if h.member == a.member {
				members = append(members, h)
			}
		}
	}
	return members
}

// knows reports whether a member says that it reads the accounts of another, and the process that says so.
func (p *peers) knows(member, other uint64) (yes bool, process registry.Participant) {
	for id, a := range p.announced {
		if a.member == member {
			return slices.Contains(a.noticed, other), p.processes[id]
		}
	}
	return false, process
}
