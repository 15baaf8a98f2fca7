package registry

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/shm"
)

// A peer is a participant as read from its file; this process's own participant is one too. The file is read and not mapped, so
// an owner that truncates it causes an error here and no fault. Only one goroutine at a time may call the methods.
type peer struct {
	dir   string
	id    ID
	file  *shm.File
	owner shm.Owner
	info  Participant // without Alive and Endpoints
	head  *header

	entries      []*entry        // by page; nil without a record
	index        peerIndex       // as read last
	read         words           // the words of the header at that time
	seen         uint64          // version of the interest that entries was read for
	torn         bool            // a record could not be read this time: read again
	numbers      map[uint32]bool // of the endpoints in entries
	schemas      int64           // bytes of the schemas in entries
	budget       int64           // bytes of schemas that this reading may still read
	reported     map[int]uint64  // by page: index words of records that were reported as corrupt
	fileReported bool            // the file as a whole was reported as corrupt
	errs         []error         // for an Observer: errors of the last reading
}

// An entry is a record that passed all checks.
type entry struct {
	page     int
	word     uint64 // index word
	endpoint Endpoint
}

// errTorn says that a record could not be read this time, usually because it changed meanwhile.
var errTorn = errors.New("the record changed while it was read")

// maxReading bounds one reading of a table, in bytes of schemas. Thousands of records may announce large schemas that then fail
// their checks, and no other peer is read meanwhile.
const maxReading = 2 * MaxSchemas

// openPeer opens a participant file. When the file exists and fails a check, it returns an error together with a peer of which
// only id and file are valid.
func openPeer(dir string, id ID) (*peer, error) {
	path := filePath(dir, id, participantSuffix)
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	p := &peer{dir: dir, id: id, file: f, info: Participant{ID: id}, numbers: make(map[uint32]bool)}
	if p.owner, err = f.Owner(); err != nil {
		return p, &errdefs.CorruptError{Path: path, What: "its owner cannot be asked for", Err: err}
	}
	p.info.UID, p.info.GID = p.owner.UID, p.owner.GID
	b := make([]byte, pageSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return p, &errdefs.CorruptError{Path: path, What: "the header cannot be read", Err: err}
	}
	if p.head, err = parseHeader(b[:n], path, id); err != nil {
		return p, err
	}
	p.info = p.head.participant()
	p.info.UID, p.info.GID = p.owner.UID, p.owner.GID
	return p, nil
}

// checkPID sets the PIDCheck, and the executable if the kernel tells that of the process. The kernel can confirm the pid in the file only if
// it is of the same boot and pid namespace. exit, which may be nil, watches that process and makes the question cheap.
func (p *peer) checkPID(us *process.Identity, exit *process.Exit) {
	h := p.head.self
	if h.BootID != us.BootID || h.Namespace != us.Namespace {
		return
	}
	ask := func() (process.Credentials, error) { return process.CredentialsOf(h.PID, h.StartTime) }
	executable := func() (string, error) { return process.ExecutableOf(h.PID, h.StartTime) }
	if exit != nil {
		ask, executable = exit.Credentials, exit.Executable
	}
	as, err := ask()
	if err != nil || as.UID != p.owner.UID {
		return
	}
	p.info.PIDCheck = PIDOfUser
	if path, err := executable(); err == nil {
		p.info.Executable, p.info.ExecutableProved = cutName(path, maxExecutable), true
	}
}

// checkMapped asks the kernel which of the peers' files are mapped by the processes that the peers name, once for each process. It is for
// peers after checkPID.
func checkMapped(peers []*peer) {
	type key struct {
		pid       int
		startTime uint64
	}
	of := make(map[key][]*peer)
	for _, p := range peers {
		if p.info.PIDCheck == PIDOfUser {
			k := key{p.head.self.PID, p.head.self.StartTime}
			of[k] = append(of[k], p)
		}
	}
	for k, peers := range of {
		files := make([]process.FileID, len(peers))
		for i, p := range peers {
			files[i] = p.fileID()
		}
		mapped, err := process.MappedFiles(k.pid, k.startTime, files)
		if err != nil {
			continue // the kernel does not tell
		}
		for _, p := range peers {
			if mapped[p.fileID()] {
				p.info.PIDCheck = PIDOfFile
			}
		}
	}
}

func (p *peer) fileID() process.FileID { return process.FileID{Dev: p.owner.Dev, Ino: p.owner.Ino} }

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
	return &errdefs.CorruptError{Path: filePath(p.dir, p.id, participantSuffix), What: what, Err: err}
}

// A difference is the result of reading a table again.
type difference struct {
	removed, added []*entry
	errs           []error
	files          bool // the participant's other files may have changed too
}

// changed reports whether the table or the other files must be read again.
func (p *peer) changed(w words, in *interest) bool {
	return p.tableChanged(w, in) || w.touches != p.read.touches
}

func (p *peer) tableChanged(w words, in *interest) bool {
	return w.version != p.read.version || p.torn || in.version.Load() != p.seen
}

// updated reports whether Updated must be reported.
func (d *difference) updated() bool { return d.files || len(d.added)+len(d.removed) > 0 }

// compare reads the difference of the table to what was adopted last: of a new table version, the groups of the index whose
// counts changed, and then the records that are new and wanted. It changes no field that other goroutines may read; adopt does.
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
			d.errs = append(d.errs, p.corrupt(fmt.Sprintf("the record in endpoint page %d", page), err))
		case e != nil:
			p.numbers[e.endpoint.ID.Number] = true
			p.schemas += int64(len(e.endpoint.Schema))
			d.added = append(d.added, e)
		}
	}
	slices.SortFunc(d.removed, byNumber)
	slices.SortFunc(d.added, byNumber)
	// The requests of a subscription may have been read before the subscription was known: they must be read again.
	subscribes := func(e *entry) bool { return e.endpoint.Kind == KindSubscription }
	d.files = d.files || slices.ContainsFunc(d.added, subscribes) || slices.ContainsFunc(d.removed, subscribes)
	return d
}

// adopt applies a difference to the peer.
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

// forget drops all records that were read.
func (p *peer) forget() {
	p.entries, p.index, p.schemas, p.seen = nil, peerIndex{}, 0, 0
	clear(p.numbers)
}
