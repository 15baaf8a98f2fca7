package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/shm"
)

const (
	lookPeriod   = time.Second           // between looks that the bell did not ask for
	shortPeriod  = 50 * time.Millisecond // the same while somebody's end, or the bell, cannot be heard
	recheckPause = time.Millisecond      // between looks at the lock of a process that has ended
	maxRechecks  = 1000                  // then the pid was not that of the process that holds the lock
	regularly    = 32                    // participants that a periodic look asks though nothing is said of them
)

// A depth says how much a look takes for granted.
type depth int

const (
	hinted   depth = iota // only who is said to have changed something is looked at
	regular               // everybody; the directory, if the kernel says that it changed
	thorough              // everything
)

// known is a peer as the registry follows it.
type known struct {
	*peer
	own      bool // it is this very participant
	visited  bool // its table was read
	left     bool // it says that it leaves
	strange  bool // it lives and its file cannot be believed: nothing is said of it but that, once
	nameless bool // its file had no name when the directory was read

	exit     *process.Exit
	watched  bool        // its end will be heard
	exited   atomic.Bool // its process has ended; its lock decides
	rechecks int
}

// quiet reports whether there is nothing to do for a peer that is not said to have changed anything.
func (k *known) quiet() bool {
	return k.visited && k.watched && !k.nameless && !k.left && !k.torn && !k.exited.Load()
}

// Refresh looks at the whole domain now, whatever anybody says of it. OnChange has been called for everything that changed
// when it returns.
func (r *Registry) Refresh() error {
	again, err := r.look(thorough)
	if again < lookPeriod {
		r.poke() // the loop has to know
	}
	if err != nil {
		return fmt.Errorf("look at the domain: %w", err)
	}
	return nil
}

// look compares the domain with what is known of it. It returns how long the next look may wait for a bell.
func (r *Registry) look(deep depth) (again time.Duration, err error) {
	r.looking.Lock()
	defer r.looking.Unlock()
	if r.closing.Load() {
		return lookPeriod, closed.Error("the participant is closed")
	}
	n := r.hints.read(r.bell)
	turns := r.turns(deep, n.ok)
	found := 0
	for _, id := range n.newcomers {
		if r.peers[id] != nil {
			continue
		}
		if r.meet(id, deep != hinted) {
			r.dead[id] = true
		}
		if r.peers[id] != nil {
			r.members.present[id] = true
			found++
		}
	}
	for _, k := range r.order {
		if !k.left && n.changed.has(placeOf(k.id)) && k.leaving() {
			k.left = true
			found++
		}
	}
	missed := r.hints.missed(n, found)
	told := !n.ok || missed || deep == thorough
	unasked := !told && deep == regular && r.members.stale(r.dir, len(r.order))
	listed := told || unasked
	if listed {
		if err = r.members.list(r.dir); err != nil {
			r.hints.known = false
			if !shm.IsOurWant(err) {
				return shortPeriod, err
			}
			listed = false // those who are known are looked at all the same
		} else {
			r.hints.ahead = 0
		}
	}
	if listed || deep != hinted {
		for id := range r.members.present {
			if r.peers[id] != nil {
				continue
			}
			if r.meet(id, deep != hinted) {
				r.dead[id] = true
			}
			if unasked && r.peers[id] != nil {
				r.bell.mention(id) // to a newcomer everybody is new, and nobody to others
			}
		}
		maps.DeleteFunc(r.refused, func(id ID, _ bool) bool { return !r.members.present[id] })
	}
	again = lookPeriod
	if err != nil {
		again = shortPeriod
	}
	i := -1
	r.order = slices.DeleteFunc(r.order, func(k *known) (gone bool) {
		i++
		if listed {
			k.nameless = !r.members.present[k.id] && r.unlinked(k.id)
		} else if k.own && deep != hinted {
			k.nameless = r.unlinked(k.id)
		}
		asked, news := turns.has(i), n.changed.has(placeOf(k.id))
		if !asked && !news && k.quiet() {
			if k.seen != r.interest.version.Load() && !k.own {
				r.compare(k, k.read)
			}
			return false
		}
		next, gone := r.examine(k, asked, news)
		again = min(again, next)
		if gone && (!k.nameless || r.members.others[k.id]) {
			r.dead[k.id] = !k.nameless
		}
		return gone
	})
	if deep != hinted {
		for id := range r.members.others {
			if r.peers[id] == nil && !r.members.present[id] && r.unlinked(id) {
				r.dead[id] = false
			}
		}
	}
	return min(again, r.bury(deep == thorough)), err
}

// A span is a part of a circle.
type span struct{ from, n, of int }

func (s span) has(i int) bool { return (i-s.from+s.of)%max(s.of, 1) < s.n }

// turns says whom to look at though nobody said anything: all, or at a regular look so many that the domain may be large,
// and the next ones the next time.
func (r *Registry) turns(deep depth, hints bool) span {
	all := len(r.order)
	switch {
	case deep == thorough || !hints:
		return span{0, all, all}
	case deep == regular && all > 0:
		s := span{r.turn % all, min(all, regularly), all}
		r.turn = (s.from + s.n) % all
		return s
	}
	return span{}
}

// examine looks at one participant and returns when it has to be looked at again, or that it is gone. Asked, it does so also
// where there is no reason to doubt; otherwise it reads only where there is news.
func (r *Registry) examine(k *known, asked, news bool) (again time.Duration, gone bool) {
	locked, again := r.locked(k, asked || k.nameless || k.left)
	if !locked || k.nameless && k.leaving() {
		r.part(k)
		return again, true
	}
	if k.nameless {
		r.lament(k)
	}
	if !k.strange && (asked || news || k.torn || !k.visited || k.seen != r.interest.version.Load()) && r.visit(k) {
		again = min(again, shortPeriod)
	}
	return again, false
}

// unlinked makes sure that a participant file is gone, which a listing alone does not say.
func (r *Registry) unlinked(id ID) bool {
	_, err := os.Lstat(filePath(r.dir, id, participantSuffix))
	return errors.Is(err, fs.ErrNotExist)
}

// buryEach is how long, for each participant, all of them together may take to begin removing files of the dead.
const buryEach = time.Millisecond

// bury removes the files of the dead, or returns when to. Everybody who notices does it, but not all at the same moment:
// the participant file goes last, so where it is gone somebody else was first.
func (r *Registry) bury(now bool) (again time.Duration) {
	if len(r.dead) == 0 {
		r.burial = time.Time{}
		return lookPeriod
	}
	if r.burial.IsZero() {
		r.burial = time.Now().Add(rand.N(buryEach * time.Duration(1+len(r.order))))
	}
	if left := time.Until(r.burial); left > 0 && !now {
		return left
	}
	dead := maps.Clone(r.dead)
	clear(r.dead)
	r.burial = time.Time{}
	if r.readOnly() {
		return lookPeriod
	}
	maps.DeleteFunc(dead, func(id ID, named bool) bool { return named && r.unlinked(id) })
	if len(dead) == 0 {
		return lookPeriod
	}
	for id := range dead {
		dead[id] = true
	}
	removed, err := removeFiles(r.dir, dead, false)
	if len(removed) != 0 {
		r.log.Info("removed what the dead left", "dir", r.dir, "files", len(removed))
	}
	if err == nil {
		return lookPeriod
	}
	news := false
	for id := range dead {
		news = news || !r.refused[id]
		r.refused[id] = true
	}
	if news {
		r.log.Warn("not everything that the dead left could be removed", "dir", r.dir, "err", err)
	}
	return lookPeriod
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
		return false
	}
	r.wanting = false
	k := &known{peer: p, own: id == r.self.id, strange: bad != nil}
	if locked, err := p.file.Locked(); err == nil && !locked {
		p.file.Close()
		return true
	}
	if !k.strange {
		r.watch(k)
		p.prove(&r.self.self, k.exit, false)
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
	k.visited = true
	w, err := k.words()
	if err != nil {
		if !k.cut {
			k.cut = true
			r.dropEntities(k)
			r.tell(k, Corrupt, Entity{}, err)
		}
		return false
	}
	r.compare(k, w)
	return k.torn
}

// compare tells what is different from before in the table of a peer.
func (r *Registry) compare(k *known, w words) {
	in := r.interest
	if k.own {
		in = r.own
	}
	if !k.changed(w, in) {
		return
	}
	d := k.peer.compare(w, in)
	if len(d.errs) != 0 {
		if locked, err := k.file.Locked(); err == nil && !locked {
			d.errs = nil // it died, which will be heard, and somebody was quicker and removed what its records speak of
		}
	}
	r.mu.Lock()
	k.adopt(d, w)
	r.mu.Unlock()
	for _, e := range d.removed {
		r.tell(k, Removed, e.entity, nil)
	}
	for _, e := range d.added {
		r.tell(k, Added, e.entity, nil)
	}
	for _, err := range d.errs {
		r.tell(k, Corrupt, Entity{}, err)
	}
	if d.touched() {
		r.onChange(Change{Kind: Touched, Participant: k.alive(), Files: d.files})
	}
}

func (r *Registry) dropEntities(k *known) {
	lost := k.entities()
	r.mu.Lock()
	k.forget()
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

func (k *known) alive() Participant {
	p := k.info
	p.Alive = true
	return p
}

func (r *Registry) tell(k *known, kind ChangeKind, e Entity, err error) {
	p := k.alive()
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

func byNumber(a, b *entry) int { return cmp.Compare(a.entity.ID.Number, b.entity.ID.Number) }

func sortedIDs(set map[ID]bool) []ID { return slices.Sorted(maps.Keys(set)) }
