package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/internal/process"
)

const (
	lookPeriod   = time.Second           // between looks that the bell did not ask for
	shortPeriod  = 50 * time.Millisecond // the same while somebody's end, or the bell, cannot be heard
	recheckPause = time.Millisecond      // between looks at the lock of a process that has ended
	maxRechecks  = 1000                  // then the pid was not that of the process that holds the lock
)

// known is a peer as the registry follows it.
type known struct {
	*peer
	own     bool // it is this very participant
	strange bool // it lives and its file cannot be believed: nothing is said of it but that, once

	exit     *process.Exit
	watched  bool        // its end will be heard
	exited   atomic.Bool // its process has ended; its lock decides
	rechecks int
}

// Refresh looks at the domain now. OnChange has been called for everything that changed when it returns.
func (r *Registry) Refresh() error {
	again, err := r.look(true)
	if again < lookPeriod {
		r.poke() // the loop has to know
	}
	if err != nil {
		return fmt.Errorf("look at the domain: %w", err)
	}
	return nil
}

// look compares the domain with what is known of it. A full look asks for everybody's lock, not only where there is a
// reason to, and removes files that belong to nobody. It returns how long the next look may wait for the bell.
func (r *Registry) look(full bool) (again time.Duration, err error) {
	r.looking.Lock()
	defer r.looking.Unlock()
	if r.closing.Load() {
		return lookPeriod, closed.Error("the participant is closed")
	}
	present, orphans := make(map[ID]bool, len(r.order)+1), make(map[ID]bool)
	err = eachFile(r.dir, func(id ID, suffix string) {
		switch {
		case suffix == participantSuffix:
			present[id] = true
		case full && r.peers[id] == nil:
			orphans[id] = true
		}
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return shortPeriod, err
	}
	dead := make(map[ID]bool)
	for id := range present {
		if r.peers[id] == nil && r.meet(id, full) {
			dead[id] = true
		}
	}
	again = lookPeriod
	var remain []*known
	for _, k := range r.order {
		nameless := !present[k.id] && r.unlinked(k.id)
		locked, next := r.locked(k, full || nameless)
		again = min(again, next)
		if !locked || nameless && k.leaving() {
			r.part(k)
			dead[k.id] = true
			continue
		}
		if nameless {
			r.lament(k)
		}
		remain = append(remain, k)
		if !k.strange && r.visit(k) {
			again = min(again, shortPeriod)
		}
	}
	r.order = remain
	for id := range orphans {
		if !present[id] && r.unlinked(id) {
			dead[id] = true
		}
	}
	maps.DeleteFunc(r.refused, func(id ID, _ bool) bool { return !present[id] })
	r.bury(dead)
	return again, nil
}

// unlinked makes sure that a participant file is gone, which a listing alone does not say.
func (r *Registry) unlinked(id ID) bool {
	_, err := os.Lstat(filePath(r.dir, id, participantSuffix))
	return errors.Is(err, fs.ErrNotExist)
}

// bury removes the files of the dead. Everybody who notices does it.
func (r *Registry) bury(dead map[ID]bool) {
	if len(dead) == 0 {
		return
	}
	removed, err := removeFiles(r.dir, dead, false)
	if len(removed) != 0 {
		r.log.Info("removed what the dead left", "dir", r.dir, "files", len(removed))
	}
	if err == nil {
		return
	}
	news := false
	for id := range dead {
		news = news || !r.refused[id]
		r.refused[id] = true
	}
	if news {
		r.log.Warn("not everything that the dead left could be removed", "dir", r.dir, "err", err)
	}
}

// meet opens the file of a participant that was not known. It reports true when that one is dead.
func (r *Registry) meet(id ID, full bool) (dead bool) {
	if r.refused[id] && !full {
		return false
	}
	if len(r.order) >= MaxParticipants && id != r.self.id {
		if !r.crowded {
			r.crowded = true
			r.log.Warn("some participants are ignored, there are too many", "dir", r.dir, "limit", MaxParticipants)
		}
		return false
	}
	p, bad := openPeer(r.dir, id)
	if p == nil {
		if !errors.Is(bad, fs.ErrNotExist) && !r.refused[id] {
			r.refused[id] = true
			r.onChange(Change{Kind: Corrupt, Participant: Participant{ID: id}, Err: bad})
		}
		return false
	}
	k := &known{peer: p, own: id == r.self.id, strange: bad != nil}
	if locked, err := p.file.Locked(); err == nil && !locked {
		p.file.Close()
		return true
	}
	if !k.strange {
		r.watch(k)
	}
	r.mu.Lock()
	r.peers[id] = k
	r.mu.Unlock()
	r.order = append(r.order, k)
	switch {
	case !k.strange:
		r.tell(k, Joined, Entity{}, nil)
	case errors.As(bad, new(*VersionError)):
		r.tell(k, Incompatible, Entity{}, bad)
	default:
		r.tell(k, Corrupt, Entity{}, bad)
	}
	return false
}

// watch arranges that the end of the peer's process is heard, where that is possible.
func (r *Registry) watch(k *known) {
	us, it := r.self.self, k.head.self
	if it.BootID != us.BootID {
		return
	}
	if it.PID == us.PID && it.StartTime == us.StartTime {
		k.watched = true // it ends when we do, or leaves with a ring
		return
	}
	exit, err := process.Watch(it.PID, it.StartTime)
	if err != nil {
		return // in another pid namespace, or it has just ended: its lock is looked at often
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
	if k.own || k.watched && !exited && !full {
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
	if k.watched {
		return true, lookPeriod
	}
	return true, shortPeriod
}

// visit reads the peer's table if it changed, and reports whether it has to be read again soon.
func (r *Registry) visit(k *known) (soon bool) {
	w, err := k.words()
	if err != nil {
		if !k.cut {
			k.cut = true
			r.dropEntities(k)
			r.tell(k, Corrupt, Entity{}, err)
		}
		return false
	}
	if !k.changed(w) {
		return false
	}
	next, d := k.read(w)
	r.mu.Lock()
	k.adopt(next, w)
	r.mu.Unlock()
	for _, e := range d.removed {
		r.tell(k, Removed, e, nil)
	}
	for _, e := range d.added {
		r.tell(k, Added, e, nil)
	}
	for _, err := range d.errs {
		r.tell(k, Corrupt, Entity{}, err)
	}
	if d.touched {
		r.tell(k, Touched, Entity{}, nil)
	}
	return k.torn
}

func (r *Registry) dropEntities(k *known) {
	lost := k.entities()
	r.mu.Lock()
	k.entries = nil
	r.mu.Unlock()
	for _, e := range lost {
		r.tell(k, Removed, e, nil)
	}
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
	if k.strange {
		return
	}
	for _, e := range lost {
		r.tell(k, Removed, e, nil)
	}
	r.tell(k, kind, Entity{}, nil)
}

// lament says, once, that somebody removed the file of a participant that lives. A file cannot get its name back; those who
// have it open go on with it, because only the kernel can say that a process ended.
func (r *Registry) lament(k *known) {
	if !k.cut {
		k.cut = true
		r.tell(k, Corrupt, Entity{}, k.corrupt("it was removed while its owner lives, so no newcomer will find this participant; close and join again", nil))
	}
}

func (r *Registry) tell(k *known, kind ChangeKind, e Entity, err error) {
	p := k.info
	p.Alive = kind != Left && kind != Died
	r.onChange(Change{Kind: kind, Participant: p, Entity: e, Err: err})
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

func byNumber(a, b Entity) int { return cmp.Compare(a.ID.Number, b.ID.Number) }

func sortedIDs(set map[ID]bool) []ID { return slices.Sorted(maps.Keys(set)) }
