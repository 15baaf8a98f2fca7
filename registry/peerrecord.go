package registry

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// shortRecord is the number of bytes that are read of a page at first. Nearly all records are shorter.
const shortRecord = 512

// load reads the record of a page with the given index word. It returns nil when the record is not there yet or not any more,
// which the next table version tells. The owner may rewrite the page meanwhile. It clears the state word first and writes it
// last, so bytes that are the same in two readings are not half written: if they fail a check, the record is corrupt.
func (p *peer) load(page int, word uint64) (*entry, error) {
	const attempts = 3
	var last []byte
	size := shortRecord
	for range attempts {
		b := make([]byte, size)
		if _, err := p.file.ReadAt(b, int64(pageOffset(page))); err != nil {
			return nil, err
		}
		pre := parsePrefix(b)
		if int64(pre.length) > int64(size-offBody) {
			size = offCounters
			b = make([]byte, size)
			if _, err := p.file.ReadAt(b, int64(pageOffset(page))); err != nil {
				return nil, err
			}
			pre = parsePrefix(b)
		}
		if pre.state == 0 {
			return nil, nil
		}
		e, err := p.decode(b)
		if err == nil {
			if indexed(pre.state, pre.generation) != word {
				return nil, nil
			}
			return &entry{page: page, word: word, endpoint: e}, nil
		}
		if errors.Is(err, errTorn) || errdefs.IsLocalShortage(err) {
			return nil, errTorn // the budget is used up, or this process lacks descriptors or memory
		}
		if bytes.Equal(b, last) {
			return nil, err
		}
		last = b
	}
	return nil, errTorn
}

func (p *peer) decode(page []byte) (Endpoint, error) {
	e, ref, err := parseRecord(page)
	if err != nil {
		return Endpoint{}, err
	}
	e.ID.Participant = p.id
	if p.numbers[e.ID.Number] {
		return Endpoint{}, fmt.Errorf("endpoint number %d is used twice", e.ID.Number)
	}
	if p.schemas+int64(ref.size) > MaxSchemas {
		return Endpoint{}, fmt.Errorf("the schemas of the participant have more than %d bytes together", MaxSchemas)
	}
	if p.budget < int64(ref.size) {
		return Endpoint{}, errTorn
	}
	p.budget -= int64(ref.size)
	e.Schema, err = readSchema(filePath(p.dir, p.id, schemaSuffix(e.ID.Number)), p.owner.UID, ref)
	return e, err
}

// endpoints returns the endpoints in the order of their numbers. The caller owns the slice.
func (p *peer) endpoints() []Endpoint {
	all := make([]Endpoint, 0, len(p.entries))
	for _, e := range p.entries {
		if e != nil {
			all = append(all, e.endpoint)
		}
	}
	slices.SortFunc(all, func(a, b Endpoint) int { return cmp.Compare(a.ID.Number, b.ID.Number) })
	return all
}
