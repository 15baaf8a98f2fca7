package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/process"
)

// An Observer reads a domain without taking part: it creates no file, wakes no process, and no process sees it. Its methods may
// be called concurrently.
type Observer struct {
	dir      string
	interest *interest
	self     process.Identity

	mu       sync.Mutex
	peers    map[ID]*peer
	problems []error
	died     []ID
	closed   bool
}

// Observe returns an Observer of the domain directory, an absolute path, which may be missing. It accepts directories that Join
// would refuse, for which CheckDomain returns an error. What an Observer finds in a directory that every user may write need
// not be true.
func Observe(dir string) (*Observer, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("observe the domain: %w", relativeError(dir))
	}
	self, err := process.Self()
	if err != nil {
		return nil, fmt.Errorf("observe the domain: %w", errdefs.Explain(err))
	}
	return &Observer{dir: filepath.Clean(dir), interest: everything(), self: self, peers: make(map[ID]*peer)}, nil
}

// Snapshot returns the present participants of the domain in the order of joining. It includes dead participants whose files are
// not removed yet: these are not Alive and have no endpoints. A missing directory is an empty domain. Parts that cannot be read
// or fail a check are left out and listed by Errors; a record that changes meanwhile only makes its participant Incomplete. The
// caller owns the slices.
func (o *Observer) Snapshot() ([]Participant, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, fmt.Errorf("scan the domain: %w", errdefs.Closed("the observer is closed"))
	}
	o.problems, o.died = nil, nil
	present := make(map[ID]bool)
	err := eachFile(o.dir, func(id ID, suffix string) {
		if suffix == participantSuffix {
			present[id] = true
		}
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("scan the domain: %w", explain("the directory cannot be listed", o.dir, err))
	}
	for id, p := range o.peers {
		if !present[id] {
			if locked, err := p.file.Locked(); err == nil && !locked && !p.hasLeft() {
				o.died = append(o.died, id)
			}
			p.file.Close()
			delete(o.peers, id)
		}
	}
	o.addPeers(present)
	all := make([]Participant, 0, len(present))
	for _, p := range o.peers {
		all = append(all, o.participant(p))
	}
	slices.SortFunc(all, bySince)
	return all, nil
}

func bySince(a, b Participant) int {
	return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID, b.ID))
}

// Errors returns an error for each part that the last Snapshot left out: a *errdefs.VersionError, a *errdefs.CorruptError, or the error of
// reading a file.
func (o *Observer) Errors() []error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.problems)
}

// Died returns the participants of earlier Snapshots whose files other participants removed before the last one, because they ended without
// leaving. The caller owns the slice.
func (o *Observer) Died() []ID {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.died)
}

// addPeers opens the files of the participants that are new.
func (o *Observer) addPeers(present map[ID]bool) {
	var added []*peer
	for id := range present {
		if o.peers[id] != nil {
			continue
		}
		p, err := o.addPeer(id)
		switch {
		case err == nil:
			added = append(added, p)
		case !errors.Is(err, fs.ErrNotExist):
			o.problems = append(o.problems, explain("a participant is left out", o.dir, err))
		}
	}
	checkMapped(added)
}

func (o *Observer) participant(p *peer) Participant {
	info := p.info
	locked, err := p.file.Locked()
	info.Alive = err != nil || locked
	if !info.Alive {
		p.forget()
		return info
	}
	if info.State = StateUnseen; p.head.self.Namespace == o.self.Namespace {
		info.State = stateOf(&info)
	}
	w, err := p.words()
	if err != nil {
		o.problems = append(o.problems, err)
		info.Incomplete = true
		return info
	}
	if p.tableChanged(w, o.interest) {
		if !p.torn { // otherwise the last reading is continued
			// Every Snapshot names all that is wrong now, also what an earlier one reported.
			p.reported, p.fileReported, p.errs = nil, false, nil
			for g := range p.index.again {
				p.index.again[g] = true
			}
		}
		d := p.compare(w, o.interest)
		p.adopt(d, w)
		p.errs = append(p.errs, d.errs...)
	}
	o.problems = append(o.problems, p.errs...)
	info.Endpoints, info.Incomplete = p.endpoints(), p.torn
	return info
}

func (o *Observer) addPeer(id ID) (*peer, error) {
	p, err := openPeer(o.dir, id)
	if err != nil {
		if p != nil {
			p.file.Close()
		}
		return nil, err
	}
	if len(o.peers) >= MaxParticipants {
		p.file.Close()
		return nil, &errdefs.LimitError{What: "participants in " + o.dir, Limit: MaxParticipants, Remedy: "the others are not shown"}
	}
	p.checkPID(&o.self, nil)
	o.peers[id] = p
	return p, nil
}

// Close closes the files. Further calls of Snapshot return os.ErrClosed.
func (o *Observer) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, p := range o.peers {
		errs = append(errs, p.file.Close())
	}
	clear(o.peers)
	o.closed = true
	return errors.Join(errs...)
}
