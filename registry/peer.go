package registry

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/shm"
)

// A peer is a participant as read from its file, this process's own one included. The file is only ever read, never mapped:
// an owner that cuts it short causes an error here and not a fault. Its methods are for one goroutine at a time.
type peer struct {
	dir   string
	id    ID
	file  *shm.File
	owner shm.Owner
	info  Participant // without Alive and Entities
	head  *header

	entries  []*entry        // per page, nil where there is none
	index    peerIndex       // as it was read last
	read     words           // when it was
	seen     uint64          // version of the interest that entries was read for
	torn     bool            // a record could not be read this time: read again
	numbers  map[uint32]bool // in entries
	schemas  int64           // bytes in entries
	budget   int64           // bytes of schemas that this reading may still look at
	reported map[int]uint64  // index words of records that were called corrupt already
	cut      bool            // the file as a whole was called corrupt already
	errs     []error         // for an Observer: what the last reading left out
}

// An entry is a record that was believed.
type entry struct {
	page   int
	word   uint64 // of the index
	entity Endpoint
}

// errTorn says that a record could not be read this time: mostly because it changed meanwhile.
var errTorn = errors.New("the record changed while it was read")

// maxReading bounds one reading of a table, in bytes of schemas. Thousands of records may announce large schemas that turn
// out to be something else, and nobody else is looked at meanwhile.
const maxReading = 2 * MaxSchemas

// openPeer opens a participant file. It returns the peer and an error when the file is there and cannot be believed: then
// only id and file are of use.
func openPeer(dir string, id ID) (*peer, error) {
	path := filePath(dir, id, participantSuffix)
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	p := &peer{dir: dir, id: id, file: f, info: Participant{ID: id}, numbers: make(map[uint32]bool)}
	if p.owner, err = f.Owner(); err != nil {
		return p, &CorruptError{Path: path, What: "its owner cannot be asked for", Err: err}
	}
	p.info.UID, p.info.GID = p.owner.UID, p.owner.GID
	b := make([]byte, pageSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return p, &CorruptError{Path: path, What: "the header cannot be read", Err: err}
	}
	if p.head, err = parseHeader(b[:n], path, id); err != nil {
		return p, err
	}
	p.info = p.head.participant()
	p.info.UID, p.info.GID = p.owner.UID, p.owner.GID
	return p, nil
}

// prove asks the kernel about the pid that the participant says it has, which means something to us only where it was given in
// our boot and pid namespace. With exit, that process is watched, which makes asking cheap. Traced, it asks too whether that
// process has this very file.
func (p *peer) prove(us *process.Identity, exit *process.Exit, traced bool) {
	h := p.head.self
	if h.BootID != us.BootID || h.Namespace != us.Namespace {
		return
	}
	ask := func() (process.Credentials, error) { return process.CredentialsOf(h.PID, h.StartTime) }
	if exit != nil {
		ask = exit.Credentials
	}
	as, err := ask()
	if err != nil || as.UID != p.owner.UID {
		return
	}
	p.info.PIDCheck = PIDOfUser
	if !traced {
		return
	}
	if yes, err := process.Maps(h.PID, h.StartTime, p.owner.Dev, p.owner.Ino); err == nil && yes {
		p.info.PIDCheck = PIDOfFile
	}
}

// words are the changing part of the header.
type words struct {
	version uint64
	state   uint32
	pages   uint32
	touches uint64
}

func (p *peer) words() (words, error) {
	var b [offTouches + 8 - offTableVersion]byte
	if _, err := p.file.ReadAt(b[:], offTableVersion); err != nil {
		return words{}, p.corrupt("the header cannot be read any more", err)
	}
	return words{
		version: native.Uint64(b[:]),
		state:   native.Uint32(b[offState-offTableVersion:]),
		pages:   native.Uint32(b[offPages-offTableVersion:]),
		touches: native.Uint64(b[offTouches-offTableVersion:]),
	}, nil
}

func (p *peer) corrupt(what string, err error) error {
	return &CorruptError{Path: filePath(p.dir, p.id, participantSuffix), What: what, Err: err}
}

// A difference is what a reading of a table found.
type difference struct {
	removed, added []*entry
	errs           []error
	files          bool // the participant's other files may be different too
}

// changed reports whether there is anything to read again.
func (p *peer) changed(w words, in *interest) bool {
	return p.tableChanged(w, in) || w.touches != p.read.touches
}

func (p *peer) tableChanged(w words, in *interest) bool {
	return w.version != p.read.version || p.torn || in.version.Load() != p.seen
}

// touched reports whether there is anything to tell.
func (d *difference) touched() bool { return d.files || len(d.added)+len(d.removed) > 0 }

// compare reads what is different in the table from what was adopted before: the parts of the index that are said to be
// others if there is another version, and the records that are new and wanted. It changes nothing that another goroutine may read; adopt does.
func (p *peer) compare(w words, in *interest) (d difference) {
	d.files = w.touches != p.read.touches
	if !p.tableChanged(w, in) {
		return d
	}
	var changed []int
	if w.version != p.read.version || p.torn {
		changed = p.list(w, &d)
	}
	p.torn = false
	fresh := p.fresh(in, changed, &d)
	p.budget = maxReading
	for _, page := range fresh {
		word := p.index.entries[page].word
		e, err := p.load(page, word)
		switch {
		case errors.Is(err, errTorn):
			p.torn = true
			p.index.again[page/indexGroup] = true
		case err != nil:
			if p.reported == nil {
				p.reported = make(map[int]uint64)
			}
			p.reported[page] = word
			d.errs = append(d.errs, p.corrupt(fmt.Sprintf("the record in entity page %d", page), err))
		case e != nil:
			p.numbers[e.entity.ID.Number] = true
			p.schemas += int64(len(e.entity.Schema))
			d.added = append(d.added, e)
		}
	}
	slices.SortFunc(d.removed, byNumber)
	slices.SortFunc(d.added, byNumber)
	// A subscription's requests may have been looked at when it was not known yet.
	subscribes := func(e *entry) bool { return e.entity.Kind == KindSubscription }
	d.files = d.files || slices.ContainsFunc(d.added, subscribes) || slices.ContainsFunc(d.removed, subscribes)
	return d
}

// adopt makes a difference part of what is known.
func (p *peer) adopt(d difference, w words) {
	for _, e := range d.removed {
		p.entries[e.page] = nil
	}
	for _, e := range d.added {
		if e.page >= len(p.entries) {
			p.entries = append(p.entries, make([]*entry, e.page+1-len(p.entries))...)
		}
		p.entries[e.page] = e
	}
	p.read = w
}

// forget drops everything that was read.
func (p *peer) forget() {
	p.entries, p.index, p.schemas, p.seen = nil, peerIndex{}, 0, 0
	clear(p.numbers)
}
