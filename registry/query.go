package registry

import (
	"cmp"
	"os"
	"slices"
)

// Participants returns who is known now, this participant included, in the order of joining. With Options.OnDemand there are
// of the entities of others only those that Know or Follow asked for, and PIDCheck only of participants that OnChange heard of. Counters are not read. The caller owns the slice and
// its slices of entities.
func (r *Registry) Participants() []Participant {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Participant, 0, len(r.peers)+1)
	if r.peers[r.self.id] == nil && !r.closing.Load() && !r.readOnly() { // before the first look
		self := r.self.participant()
		self.UID, self.GID, self.PIDCheck = os.Geteuid(), os.Getegid(), PIDOfUser
		self.Alive = true
		all = append(all, self)
	}
	for _, k := range r.peers {
		if k.invalid {
			continue
		}
		p := k.info
		p.Alive, p.Entities = true, k.entities()
		all = append(all, p)
	}
	slices.SortFunc(all, bySince)
	return all
}

func bySince(a, b Participant) int {
	return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID, b.ID))
}

// Alive reports whether the participant is known here and the kernel says, right now, that its process lives.
func (r *Registry) Alive(id ID) bool {
	if id == r.self.id {
		return !r.closing.Load()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.peers[id]
	if k == nil || k.invalid {
		return false
	}
	locked, err := k.file.Locked()
	return err != nil || locked
}

// Left reports whether the participant was known here and closed in an orderly way. Only the last few thousand that did
// are remembered.
func (r *Registry) Left(id ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left.set[id]
}

func (r *Registry) describe(t *TypeRef) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var p Participant
	if id := t.EntityID.Participant; id == r.self.id {
		p = r.self.participant()
	} else if k := r.peers[id]; k != nil {
		p = k.info
	}
	t.Unit, t.PID, t.Executable = p.Unit, p.PID, p.Executable
}

// recentlyLeft remembers a bounded number of ids; the oldest make room.
type recentlyLeft struct {
	set  map[ID]bool
	ring []ID
	next int
}

const maxLeavers = 4096

func (l *recentlyLeft) add(id ID) {
	if l.set == nil {
		l.set = make(map[ID]bool)
	}
	if l.set[id] {
		return
	}
	if len(l.ring) < maxLeavers {
		l.ring = append(l.ring, id)
	} else {
		delete(l.set, l.ring[l.next])
		l.ring[l.next] = id
		l.next = (l.next + 1) % maxLeavers
	}
	l.set[id] = true
}
