package registry

import (
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

// knownPeer is a peer as the registry follows it.
type knownPeer struct {
	*peer
	own       bool // it is this very participant
	visited   bool // its table was read
	leaving   bool // it says that it leaves
	invalid   bool // it lives and its file cannot be believed: nothing is said of it but that, once
	announced bool // OnChange heard of it; the end of the others is found by looks alone
	unlinked  bool // its file had no name when the directory was read

	exit     *process.Exit
	watched  bool        // its end will be heard
	exited   atomic.Bool // its process has ended; its lock decides
	rechecks int
}

// unchanged reports whether there is nothing to do for a peer that is not said to have changed anything.
func (k *knownPeer) unchanged() bool {
	return k.visited && (k.watched || !k.announced) && !k.unlinked && !k.leaving && !k.torn && !k.exited.Load()
}

// Refresh looks at the whole domain now, whatever anybody says of it. OnChange has been called for everything that changed
// when it returns.
func (r *Registry) Refresh() error {
	again, err := r.scan(thorough)
	if again < lookPeriod {
		r.wakeLoop() // the loop has to know
	}
	if err != nil {
		return fmt.Errorf("look at the domain: %w", err)
	}
	return nil
}

// scan compares the domain with what is known of it. It returns how long the next look may wait for a bell.
func (r *Registry) scan(deep depth) (again time.Duration, err error) {
	r.scanning.Lock()
	defer r.scanning.Unlock()
	if r.closing.Load() {
		return lookPeriod, closed.Error("the participant is closed")
	}
	n := r.hints.read(r.bell)
	turns := r.scheduled(deep, n.ok)
	found := 0
	for _, id := range n.newcomers {
		if r.peers[id] != nil {
			continue
		}
		dead, err := r.addPeer(id, deep != hinted)
		if dead {
			r.dead[id] = true
		}
		switch {
		case r.peers[id] != nil:
			r.listing.present[id] = true
			found++
		case errors.Is(err, fs.ErrNotExist) && r.hints.left(id):
			found += 2 // it joined and left since the last look
		}
	}
	for _, k := range r.order {
		if !k.leaving && n.changed.has(placeOf(k.id)) && k.hasLeft() {
			k.leaving = true
			found++
		}
	}
	missed := r.hints.missed(n, found)
	told := !n.ok || missed || deep == thorough
	unasked := !told && deep == regular && r.listing.stale(r.dir, len(r.order))
	listed := told || unasked
	if listed {
		if err = r.listing.list(r.dir); err != nil {
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
		for id := range r.listing.present {
			if r.peers[id] != nil {
				continue
			}
			dead, err := r.addPeer(id, deep != hinted)
			if dead {
				r.dead[id] = true
			}
			if errors.Is(err, fs.ErrNotExist) {
				delete(r.listing.present, id)
			}
			if unasked && r.peers[id] != nil {
				r.bell.noteChange(id) // to a newcomer everybody is new, and nobody to others
			}
		}
		maps.DeleteFunc(r.refused, func(id ID, _ bool) bool { return !r.listing.present[id] && !r.listing.others[id] })
	}
	again = lookPeriod
	if err != nil {
		again = shortPeriod
	}
	members := r.interest.followsMembers()
	i := -1
	r.order = slices.DeleteFunc(r.order, func(k *knownPeer) (gone bool) {
		i++
		if listed {
			k.unlinked = !r.listing.present[k.id] && r.isUnlinked(k.id)
		} else if k.own && deep != hinted {
			k.unlinked = r.isUnlinked(k.id)
		}
		if members {
			r.announce(k)
		}
		asked, news := turns.has(i), n.changed.has(placeOf(k.id))
		if !asked && !news && k.unchanged() {
			if k.seen != r.interest.version.Load() && !k.own {
				r.compare(k, k.read)
			}
			return false
		}
		next, gone := r.examine(k, asked, news)
		again = min(again, next)
		if gone && (!k.unlinked || r.listing.others[k.id]) {
			r.dead[k.id] = !k.unlinked
		}
		return gone
	})
	if deep != hinted {
		for id := range r.listing.others {
			if r.refused[id] && !listed {
				continue // nothing changed since it was tried
			}
			if r.peers[id] == nil && !r.listing.present[id] && r.isUnlinked(id) {
				r.dead[id] = false
			}
		}
	}
	return min(again, r.reap(deep == thorough)), err
}

// A span is a part of a circle.
type span struct{ from, n, of int }

func (s span) has(i int) bool { return (i-s.from+s.of)%max(s.of, 1) < s.n }

// scheduled says whom to look at though nobody said anything: all, or at a regular look so many that the domain may be large,
// and the next ones the next time.
func (r *Registry) scheduled(deep depth, hints bool) span {
	all := len(r.order)
	switch {
	case deep == thorough || !hints:
		return span{0, all, all}
	case deep == regular && all > 0:
		s := span{r.nextUnasked % all, min(all, regularly), all}
		r.nextUnasked = (s.from + s.n) % all
		return s
	}
	return span{}
}

// examine looks at one participant and returns when it has to be looked at again, or that it is gone. Asked, it does so also
// where there is no reason to doubt; otherwise it reads only where there is news.
func (r *Registry) examine(k *knownPeer, asked, news bool) (again time.Duration, gone bool) {
	locked, again := r.isLocked(k, asked || k.unlinked || k.leaving)
	if !locked || k.unlinked && k.hasLeft() {
		r.removePeer(k)
		return again, true
	}
	if k.unlinked {
		r.reportUnlinked(k)
	}
	if !k.invalid && (asked || news || k.torn || !k.visited || k.seen != r.interest.version.Load()) && r.readTable(k) {
		again = min(again, shortPeriod)
	}
	return again, false
}

// isUnlinked makes sure that a participant file is gone, which a listing alone does not say.
func (r *Registry) isUnlinked(id ID) bool {
	_, err := os.Lstat(filePath(r.dir, id, participantSuffix))
	return errors.Is(err, fs.ErrNotExist)
}

// readTable reads the peer's table if it changed, and reports whether it has to be read again soon.
func (r *Registry) readTable(k *knownPeer) (soon bool) {
	k.visited = true
	w, err := k.words()
	if err != nil {
		if !k.cut {
			k.cut = true
			r.announce(k)
			r.dropEntities(k)
			r.report(k, Corrupt, Endpoint{}, err)
		}
		return false
	}
	r.compare(k, w)
	return k.torn
}

// compare tells what is different from before in the table of a peer.
func (r *Registry) compare(k *knownPeer, w words) {
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
	if len(d.added)+len(d.errs) > 0 {
		r.announce(k)
	}
	r.mu.Lock()
	k.adopt(d, w)
	r.mu.Unlock()
	if !k.announced {
		return
	}
	for _, e := range d.removed {
		r.report(k, Removed, e.entity, nil)
	}
	for _, e := range d.added {
		r.report(k, Added, e.entity, nil)
	}
	for _, err := range d.errs {
		r.report(k, Corrupt, Endpoint{}, err)
	}
	if d.touched() {
		r.onChange(Change{Kind: Touched, Participant: k.alive(), Files: d.files})
	}
}

func (r *Registry) dropEntities(k *knownPeer) {
	lost := k.entities()
	r.mu.Lock()
	k.forget()
	r.mu.Unlock()
	for _, e := range lost {
		r.report(k, Removed, e, nil)
	}
}
