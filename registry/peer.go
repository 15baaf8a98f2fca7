package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"github.com/shmbus/shmbus/internal/shm"
)

// A peer is a participant as read from its file, this process's own one included. The file is only ever read, never mapped:
// an owner that cuts it short causes an error here and not a fault. Its methods are for one goroutine at a time.
type peer struct {
	dir  string
	id   ID
	file *shm.File
	info Participant // without Alive and Entities
	head *header

	entries  map[int]*entry // per page
	version  uint64         // of the table, when entries was read
	torn     bool           // a record could not be read this time: read again
	schemas  int64          // bytes in entries
	budget   int64          // bytes of schemas that this reading may still look at
	reported map[int]prefix // records that were called corrupt already
	cut      bool           // the file as a whole was called corrupt already
	errs     []error        // for an Observer: what the last reading left out
}

// An entry is a record that was believed.
type entry struct {
	prefix prefix
	entity Entity
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
	p := &peer{dir: dir, id: id, file: f, info: Participant{ID: id}}
	b := make([]byte, pageSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return p, &CorruptError{Path: path, What: "the header cannot be read", Err: err}
	}
	if p.head, err = parseHeader(b[:n], path, id); err != nil {
		return p, err
	}
	p.info = p.head.participant()
	return p, nil
}

// words are the changing part of the header.
type words struct {
	version uint64
	state   uint32
	pages   uint32
}

func (p *peer) words() (words, error) {
	b := make([]byte, offPages+4-offTableVersion)
	if _, err := p.file.ReadAt(b, offTableVersion); err != nil {
		return words{}, p.corrupt("the header cannot be read any more", err)
	}
	return words{
		version: native.Uint64(b),
		state:   native.Uint32(b[offState-offTableVersion:]),
		pages:   native.Uint32(b[offPages-offTableVersion:]),
	}, nil
}

func (p *peer) corrupt(what string, err error) error {
	return &CorruptError{Path: filePath(p.dir, p.id, participantSuffix), What: what, Err: err}
}

// A difference is what a reading of a table found.
type difference struct {
	removed, added []Entity
	errs           []error
	touched        bool
}

// changed reports whether the table has to be read again.
func (p *peer) changed(w words) bool { return w.version != p.version || p.torn }

// read reads the table as it is now and returns the new entries and what is different. It changes nothing that another
// goroutine may read; adopt does.
func (p *peer) read(w words) (map[int]*entry, difference) {
	d := difference{touched: w.version != p.version}
	p.torn = false
	once := func(what string, err error) {
		if !p.cut {
			p.cut = true
			d.errs = append(d.errs, p.corrupt(what, err))
		}
	}
	pages := int(min(w.pages, MaxEntities))
	if w.pages > MaxEntities {
		once(fmt.Sprintf("the header announces %d entity pages", w.pages), nil)
	}
	next := make(map[int]*entry, len(p.entries))
	var fresh []int
	p.schemas, p.budget = 0, maxReading
	for page := range pages {
		was := p.entries[page]
		pre, err := p.prefix(page)
		if err != nil {
			once(fmt.Sprintf("it ends before entity page %d, and the header announces %d", page, pages), err)
			break
		}
		known, bad := p.reported[page]
		switch {
		case pre.state == 0, bad && known == pre:
		case was != nil && was.prefix == pre:
			next[page] = was
			p.schemas += int64(len(was.entity.Schema))
		default:
			fresh = append(fresh, page)
		}
	}
	numbers := make(map[uint32]bool, len(next)+len(fresh))
	for _, e := range next {
		numbers[e.entity.ID.Number] = true
	}
	for _, page := range fresh {
		e, pre, err := p.load(page, numbers)
		switch {
		case errors.Is(err, errTorn):
			p.torn = true
		case err != nil:
			if p.reported == nil {
				p.reported = make(map[int]prefix)
			}
			p.reported[page] = pre
			d.errs = append(d.errs, p.corrupt(fmt.Sprintf("the record in entity page %d", page), err))
		case e != nil:
			numbers[e.entity.ID.Number] = true
			p.schemas += int64(len(e.entity.Schema))
			next[page] = e
			d.added = append(d.added, e.entity)
		}
	}
	for page, e := range p.entries {
		if next[page] != e {
			d.removed = append(d.removed, e.entity)
		}
	}
	slices.SortFunc(d.removed, byNumber)
	slices.SortFunc(d.added, byNumber)
	// A record that could only be read later than the version that announced it is announced too.
	d.touched = d.touched || len(d.added)+len(d.removed) > 0
	return next, d
}

func (p *peer) adopt(next map[int]*entry, w words) { p.entries, p.version = next, w.version }

func (p *peer) prefix(page int) (prefix, error) {
	var b [prefixSize]byte
	if _, err := p.file.ReadAt(b[:], int64(pageOffset(page))); err != nil {
		return prefix{}, err
	}
	return parsePrefix(b[:]), nil
}

// load reads one record. Its owner may rewrite the page meanwhile: it clears the state word first and writes it last, so
// the same bytes read twice are not a record in the making, and if they do not hold together they never will.
func (p *peer) load(page int, numbers map[uint32]bool) (*entry, prefix, error) {
	const attempts = 3
	var last []byte
	for range attempts {
		b := make([]byte, offCounters)
		n, err := p.file.ReadAt(b, int64(pageOffset(page)))
		if err != nil {
			return nil, prefix{}, err
		}
		b = b[:n]
		pre := parsePrefix(b)
		if pre.state == 0 {
			return nil, pre, nil
		}
		e, err := p.decode(b, numbers)
		if err == nil {
			return &entry{prefix: pre, entity: e}, pre, nil
		}
		if errors.Is(err, errTorn) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM) {
			return nil, pre, errTorn // enough for now, or our trouble, not the owner's fault
		}
		if bytes.Equal(b, last) {
			return nil, pre, err
		}
		last = b
	}
	return nil, prefix{}, errTorn
}

func (p *peer) decode(page []byte, numbers map[uint32]bool) (Entity, error) {
	e, ref, err := parseRecord(page)
	if err != nil {
		return Entity{}, err
	}
	e.ID.Participant = p.id
	if numbers[e.ID.Number] {
		return Entity{}, fmt.Errorf("entity number %d is used twice", e.ID.Number)
	}
	if p.schemas+int64(ref.size) > MaxSchemas {
		return Entity{}, fmt.Errorf("the schemas of the participant have more than %d bytes together", MaxSchemas)
	}
	if p.budget < int64(ref.size) {
		return Entity{}, errTorn
	}
	p.budget -= int64(ref.size)
	e.Schema, err = readSchema(filePath(p.dir, p.id, schemaSuffix(e.ID.Number)), ref)
	return e, err
}

// entities returns a copy that the caller may keep.
func (p *peer) entities() []Entity {
	all := make([]Entity, 0, len(p.entries))
	for _, e := range p.entries {
		all = append(all, e.entity)
	}
	slices.SortFunc(all, byNumber)
	return all
}
