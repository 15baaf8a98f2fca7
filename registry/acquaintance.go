package registry

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/shm"
)

// meet opens the file of a participant that was not known. It reports true when that one is dead, and the error of opening the
// file. What it costs is a descriptor: the end of a participant that nothing here has to do with is not waited for.
func (r *Registry) meet(id ID, full bool) (dead bool, err error) {
	if r.refused[id] && !full {
		return false, nil
	}
	if len(r.order) >= MaxParticipants && id != r.self.id {
		if !r.crowded {
			r.crowded = true
			r.log.Warn("some participants are ignored, there are too many", "dir", r.dir, "limit", MaxParticipants)
		}
		return false, nil
	}
	p, bad := openPeer(r.dir, id)
	if p == nil {
		switch {
		case errors.Is(bad, fs.ErrNotExist):
		case shm.IsOurWant(bad): // which says nothing about the participant; it is tried again
			if !r.wanting {
				r.wanting = true
				r.log.Warn("not every participant can be looked at now", "participant", id, "err", bad)
			}
		case !r.refused[id]:
			r.refused[id] = true
			r.onChange(Change{Kind: Corrupt, Participant: Participant{ID: id}, Err: explain("a participant is left out", r.dir, bad)})
		}
		return false, bad
	}
	r.wanting = false
	k := &known{peer: p, own: id == r.self.id, strange: bad != nil}
	if locked, err := p.file.Locked(); err == nil && !locked {
		p.file.Close()
		return true, nil
	}
	r.mu.Lock()
	r.peers[id] = k
	r.mu.Unlock()
	r.order = append(r.order, k)
	switch {
	case !k.strange:
		if k.own || r.interest.followsMembers() {
			r.introduce(k)
		}
	case errors.As(bad, new(*VersionError)):
		r.tell(k, VersionMismatch, Endpoint{}, bad)
	default:
		r.tell(k, Corrupt, Endpoint{}, bad)
	}
	return false, nil
}

// introduce tells of a participant for the first time: because members are followed, or it has an entity that is wanted. Its
// end is waited for from here on. Whatever is told of a participant comes after this.
func (r *Registry) introduce(k *known) {
	if k.told || k.strange {
		return
	}
	k.told = true
	r.watch(k)
	r.mu.Lock()
	k.prove(&r.self.self, k.exit, false)
	r.mu.Unlock()
	r.tell(k, Joined, Endpoint{}, nil)
}

// watch arranges that the end of the peer's process is heard, where that is possible.
func (r *Registry) watch(k *known) {
	us, it := r.self.self, k.head.self
	if it.BootID != us.BootID || it.Namespace != us.Namespace {
		return // whose pid it is here, nobody knows: its lock is looked at often
	}
	if it.PID == us.PID && it.StartTime == us.StartTime {
		k.watched = true // it ends when we do, or leaves with a ring
		return
	}
	exit, err := process.Watch(it.PID, it.StartTime)
	if err != nil {
		return // it has just ended, or cannot be seen: the same
	}
	k.exit, k.watched = exit, true
	r.running.Go(func() {
		if exit.Wait() == nil {
			k.exited.Store(true)
			r.poke()
		}
	})
}

// locked asks the kernel whether the peer lives, if there is a reason to ask, and returns how long the answer may stand.
func (r *Registry) locked(k *known, full bool) (locked bool, again time.Duration) {
	exited := k.exited.Load()
	if k.own || (k.watched || !k.told) && !exited && !full {
		return true, lookPeriod
	}
	if locked, err := k.file.Locked(); err == nil && !locked {
		return false, lookPeriod
	}
	if exited && k.watched {
		// The kernel drops the lock a moment after it reports the end, and later still when a child was being started.
		if k.rechecks++; k.rechecks <= maxRechecks {
			return true, recheckPause
		}
		k.watched = false
	}
	if k.watched || !k.told {
		return true, lookPeriod
	}
	return true, shortPeriod
}

// part ends the acquaintance with a peer that is gone.
func (r *Registry) part(k *known) {
	kind := Died
	if k.leaving() {
		kind = Left
	}
	lost := k.entities()
	r.mu.Lock()
	delete(r.peers, k.id)
	if kind == Left && !k.strange {
		r.left.add(k.id)
	}
	k.close()
	r.mu.Unlock()
	r.hints.left(k.id)
	if kind == Left {
		delete(r.members.present, k.id)
	}
	if !k.told {
		return
	}
	for _, e := range lost {
		r.tell(k, Removed, e, nil)
	}
	r.tell(k, kind, Endpoint{}, nil)
}

// lament says, once, that somebody removed the file of a participant that lives. A file cannot get its name back; those who
// have it open go on with it, because only the kernel can say that a process ended.
func (r *Registry) lament(k *known) {
	if !k.cut {
		k.cut = true
		r.introduce(k)
		r.tell(k, Corrupt, Endpoint{}, k.corrupt("it was removed while its owner lives, so no newcomer will find this participant; close and join again", nil))
	}
}

func (k *known) alive() Participant {
	p := k.info
	p.Alive = true
	return p
}

func (r *Registry) tell(k *known, kind ChangeKind, e Endpoint, err error) {
	p := k.alive()
	p.Alive = kind != Left && kind != Died
	r.onChange(Change{Kind: kind, Participant: p, Endpoint: e, Err: err})
}

// leaving reports whether the peer says that it left in order.
func (k *known) leaving() bool {
	w, err := k.words()
	return err == nil && w.state == stateLeaving
}

func (k *known) close() {
	if k.exit != nil {
		k.exit.Close()
	}
	k.file.Close()
}

// forgetAll ends all watching. There are no looks after it.
func (r *Registry) forgetAll() {
	r.looking.Lock()
	defer r.looking.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.order {
		k.close()
	}
	r.order = nil
	clear(r.peers)
}

func byNumber(a, b *entry) int { return cmp.Compare(a.entity.ID.Number, b.entity.ID.Number) }

func sortedIDs(set map[ID]bool) []ID { return slices.Sorted(maps.Keys(set)) }
