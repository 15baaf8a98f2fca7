package registry

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/process"
)

// addPeer opens the file of a new participant. It reports whether the participant is dead, and returns the error of opening the
// file. An open peer costs one descriptor; announce adds one for the end of its process.
func (r *Registry) addPeer(id ID, full bool) (dead bool, err error) {
	if r.refused[id] && !full {
		return false, nil
	}
	if len(r.order) >= MaxParticipants && id != r.self.id {
		if !r.tooManyReported {
			r.tooManyReported = true
			r.log.Warn("some participants are ignored, there are too many", "dir", r.dir, "limit", MaxParticipants)
		}
		return false, nil
	}
	p, bad := openPeer(r.dir, id)
	if p == nil {
		switch {
		case errors.Is(bad, fs.ErrNotExist):
		case errdefs.IsLocalShortage(bad): // this process lacks descriptors or memory: it tries again
			if !r.scarceReported {
				r.scarceReported = true
				r.log.Warn("not every participant can be examined now", "participant", id, "err", bad)
			}
		case !r.refused[id]:
			r.refused[id] = true
			r.onChange(Change{Kind: Corrupt, Participant: Participant{ID: id}, Err: explain("a participant is left out", r.dir, bad)})
		}
		return false, bad
	}
	r.scarceReported = false
	k := &knownPeer{peer: p, own: id == r.self.id, invalid: bad != nil}
	if locked, err := p.file.Locked(); err == nil && !locked {
		p.file.Close()
		return true, nil
	}
	r.mu.Lock()
	r.peers[id] = k
	r.mu.Unlock()
	r.order = append(r.order, k)
	switch {
	case !k.invalid:
		if k.own || r.interest.followsMembers() {
			r.announce(k)
		}
	case errors.As(bad, new(*errdefs.VersionError)):
		r.report(k, VersionMismatch, Endpoint{}, bad)
	default:
		r.report(k, Corrupt, Endpoint{}, bad)
	}
	return false, nil
}

// announce reports that a participant Joined, if that is not reported yet: because participants are watched, or because it has
// an endpoint that is wanted. From here on its end is waited for. All other reports about a participant come after this one.
func (r *Registry) announce(k *knownPeer) {
	if k.announced || k.invalid {
		return
	}
	k.announced = true
	r.watchProcess(k)
	r.mu.Lock()
	k.checkPID(&r.self.self, k.exit)
	r.mu.Unlock()
	r.report(k, Joined, Endpoint{}, nil)
}

// watchProcess starts to wait for the end of the peer's process, where that is possible.
func (r *Registry) watchProcess(k *knownPeer) {
	us, it := r.self.self, k.head.self
	if it.BootID != us.BootID || it.Namespace != us.Namespace {
		return // the pid means nothing here: the lock is asked often instead
	}
	if it.PID == us.PID && it.StartTime == us.StartTime {
		k.watched = true // a participant of this process leaves with a ring, or ends with the process
		return
	}
	exit, err := process.Watch(it.PID, it.StartTime)
	if err != nil {
		return // the process has just ended or cannot be seen: the lock is asked often instead
	}
	k.exit, k.watched = exit, true
	r.running.Go(func() {
		if exit.Wait() == nil {
			k.exited.Store(true)
			r.wakeLoop()
		}
	})
}

// isLocked asks the kernel whether the peer lives, if there is a reason to ask. It returns the time until it must be asked again.
func (r *Registry) isLocked(k *knownPeer, full bool) (locked bool, again time.Duration) {
	exited := k.exited.Load()
	if k.own || (k.watched || !k.announced) && !exited && !full {
		return true, scanPeriod
	}
	if locked, err := k.file.Locked(); err == nil && !locked {
		return false, scanPeriod
	}
	if exited && k.watched {
		// The kernel drops the lock a moment after it reports the end, and later if the process was starting a child.
		if k.rechecks++; k.rechecks <= maxRechecks {
			return true, recheckPause
		}
		k.watched = false
	}
	if k.watched || !k.announced {
		return true, scanPeriod
	}
	return true, shortPeriod
}

// removePeer removes a peer that left or died, and reports it.
func (r *Registry) removePeer(k *knownPeer) {
	kind := Died
	if k.hasLeft() {
		kind = Left
	}
	lost := k.endpoints()
	r.mu.Lock()
	delete(r.peers, k.id)
	k.close()
	r.mu.Unlock()
	r.hints.noteGone(k.id)
	if kind == Left {
		delete(r.listing.present, k.id)
	}
	if !k.announced {
		return
	}
	for _, e := range lost {
		r.report(k, Removed, e, nil)
	}
	r.report(k, kind, Endpoint{}, nil)
}

// reportUnlinked reports once that the file of a live participant was removed. The file cannot get its name back. Processes that
// have it open continue to use it, because only the lock decides whether the participant lives.
func (r *Registry) reportUnlinked(k *knownPeer) {
	if !k.fileReported {
		k.fileReported = true
		r.announce(k)
		r.report(k, Corrupt, Endpoint{},
			k.corrupt("it was removed while its owner lives, so no newcomer will find this participant; close and join again", nil))
	}
}

func (k *knownPeer) alive() Participant {
	p := k.info
	p.Alive = true
	return p
}

func (r *Registry) report(k *knownPeer, kind ChangeKind, e Endpoint, err error) {
	p := k.alive()
	p.Alive = kind != Left && kind != Died
	r.onChange(Change{Kind: kind, Participant: p, Endpoint: e, Err: err})
}

// hasLeft reports whether the peer is leaving, or left, by a call of Close.
func (p *peer) hasLeft() bool {
	w, err := p.words()
	return err == nil && w.state == stateLeaving
}

func (k *knownPeer) close() {
	if k.exit != nil {
		k.exit.Close()
	}
	k.file.Close()
}

// closePeers closes all peers. No scan comes after it.
func (r *Registry) closePeers() {
	r.scanning.Lock()
	defer r.scanning.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.order {
		k.close()
	}
	r.order = nil
	clear(r.peers)
}

func byNumber(a, b *entry) int { return cmp.Compare(a.endpoint.ID.Number, b.endpoint.ID.Number) }

func sortedIDs(set map[ID]bool) []ID { return slices.Sorted(maps.Keys(set)) }
