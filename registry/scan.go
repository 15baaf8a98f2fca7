package registry

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/process"
)

const (
	scanPeriod      = time.Second           // between periodic scans
	shortPeriod     = 50 * time.Millisecond // between scans while there is no bell, or the end of a process cannot be waited for
	recheckPause    = time.Millisecond      // between checks of the lock of a process that has ended
	maxRechecks     = 1000                  // after these the pid was not that of the process that holds the lock
	examinedPerScan = 32                    // peers that a periodic scan examines without a hint
)

// A depth says which participants a scan examines.
type depth int

const (
	hinted  depth = iota // those with a hint
	regular              // some without a hint too; and the directory is listed if it changed
)

// A knownPeer is a peer with what the registry keeps of it.
type knownPeer struct {
	*peer
	own       bool // it is this participant
	visited   bool // its table was read
	leaving   bool // its state was seen to be leaving
	invalid   bool // it lives and its file failed a check: only that is reported, once
	announced bool // Joined was reported; the end of other peers is found by scans alone
	unlinked  bool // its file had no name when the directory was listed

	exit     *process.Exit
	watched  bool        // the end of its process is waited for
	exited   atomic.Bool // its process has ended; the lock decides whether it is dead
	rechecks int
}

// unchanged reports whether a peer without a hint needs no work.
func (k *knownPeer) unchanged() bool {
	return k.visited && (k.watched || !k.announced) && !k.unlinked && !k.leaving && !k.torn && !k.exited.Load()
}

// scan finds what changed in the domain since the last scan and reports it. It returns the time until the next scan, which comes
// earlier when a bell rings.
func (r *Registry) scan(deep depth) (again time.Duration, err error) {
	r.scanning.Lock()
	defer r.scanning.Unlock()
	return r.scanLocked(deep)
}

// scanLocked is scan with scanning held.
func (r *Registry) scanLocked(deep depth) (again time.Duration, err error) {
	if r.closing.Load() {
		return scanPeriod, errdefs.Closed("the participant is closed")
	}
	n := r.hints.read(r.bell)
	due := r.scheduled(deep, n.ok)
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
		case errors.Is(err, fs.ErrNotExist) && r.hints.noteGone(id):
			found += 2 // it joined and left since the last scan
		}
	}
	for _, k := range r.order {
		if !k.leaving && n.changed.has(placeOf(k.id)) && k.hasLeft() {
			k.leaving = true
			found++
		}
	}
	missed := r.hints.missed(n, found)
	mustList := !n.ok || missed
	rescan := !mustList && deep == regular && r.listing.stale(r.dir, len(r.order))
	listed := mustList || rescan
	if listed {
		if err = r.listing.list(r.dir); err != nil {
			r.hints.known = false
			if !errdefs.IsLocalShortage(err) {
				return shortPeriod, err
			}
			listed = false // the known peers are examined all the same
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
			if rescan && r.peers[id] != nil {
				r.bell.noteChange(id) // a peer found without a hint is new to the others too
			}
		}
		maps.DeleteFunc(r.refused, func(id ID, _ bool) bool { return !r.listing.present[id] && !r.listing.others[id] })
	}
	again = scanPeriod
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
		asked, news := due.has(i), n.changed.has(placeOf(k.id))
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
				continue // nothing changed since the last attempt
			}
			if r.peers[id] == nil && !r.listing.present[id] && r.isUnlinked(id) {
				r.dead[id] = false
			}
		}
	}
	return min(again, r.reap()), err
}

// A span is n successive indices of `of`, modulo `of`.
type span struct{ from, n, of int }

func (s span) has(i int) bool { return (i-s.from+s.of)%max(s.of, 1) < s.n }

// scheduled returns the peers to examine without a hint: all if the hints are not known, and otherwise the next few in a regular
// scan.
func (r *Registry) scheduled(deep depth, hints bool) span {
	all := len(r.order)
	switch {
	case !hints:
		return span{0, all, all}
	case deep == regular && all > 0:
		s := span{r.nextScheduled % all, min(all, examinedPerScan), all}
		r.nextScheduled = (s.from + s.n) % all
		return s
	}
	return span{}
}

// examine checks one peer, and returns the time until it must be checked again, or that it is gone. Without asked it asks for the
// lock only for a reason, and reads the table only for a hint in news or another reason.
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

// isUnlinked asks for the name of a participant file: that a listing lacks the name does not mean that the file is gone.
func (r *Registry) isUnlinked(id ID) bool {
	_, err := os.Lstat(filePath(r.dir, id, participantSuffix))
	return errors.Is(err, fs.ErrNotExist)
}

// readTable reads the peer's table if it changed, and reports whether it must be read again soon.
func (r *Registry) readTable(k *knownPeer) (soon bool) {
	k.visited = true
	w, err := k.words()
	if err != nil {
		if !k.fileReported {
			k.fileReported = true
			r.announce(k)
			r.dropEndpoints(k)
			r.report(k, Corrupt, Endpoint{}, err)
		}
		return false
	}
	r.compare(k, w)
	return k.torn
}

// compare reports the changes in the table of a peer.
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
			d.errs = nil // the peer died, and another process has removed its schemas; the death will be reported
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
		r.report(k, Removed, e.endpoint, nil)
	}
	for _, e := range d.added {
		r.report(k, Added, e.endpoint, nil)
	}
	for _, err := range d.errs {
		r.report(k, Corrupt, Endpoint{}, err)
	}
	if d.touched() {
		r.onChange(Change{Kind: Touched, Participant: k.alive(), Files: d.files})
	}
}

// dropEndpoints forgets the endpoints of a peer and reports them as Removed.
func (r *Registry) dropEndpoints(k *knownPeer) {
	lost := k.endpoints()
	r.mu.Lock()
	k.forget()
	r.mu.Unlock()
	for _, e := range lost {
		r.report(k, Removed, e, nil)
	}
}
