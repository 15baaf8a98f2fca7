package mcapfile

import (
	"cmp"
	"math"
	"slices"
)

// A selection collects the earliest messages of overlapping blocks, as many as fit into memory.
type selection struct {
	blocks  []*openBlock // in the order of the file
	entries []selected
	data    []byte // bodies of the records
	limit   uint64 // bytes of entries and data
	bound   uint64 // largest log time that is selected
	full    bool   // nothing more is selected, however early
}

// A selected entry is a message. That of a large block has no data.
type selected struct {
	time  uint64
	block uint32 // in blocks
	off   uint32 // in the data of the block
	at    uint32 // in the data of the selection
	len   uint32
}

const (
	selectedSize = 24
	mostSelected = 1 << 30 // bytes of a selection; 32 bits hold its offsets
)

// pass reads the overlapping blocks once and yields the earliest messages. It returns false when the iteration is over.
func (o *ordered) pass(yield func(Message, error) bool) bool {
	s := &o.pick
	o.begin(s)
	for i, b := range s.blocks {
		if b.time > s.bound || s.full {
			continue
		}
		if err := o.choose(s, uint32(i), b); err != nil {
			yield(Message{}, err)
			return false
		}
	}
	s.sort()
	for _, e := range s.entries {
		b := s.blocks[e.block]
		m, ok, err := o.chosen(s, &e, b)
		if !ok && err == nil || !yield(m, err) || err != nil {
			return false
		}
		o.last = key{e.time, b.from, e.off}
		b.done++
	}
	o.end(s)
	return true
}

// begin lets all remaining blocks take part in the selection.
func (o *ordered) begin(s *selection) {
	s.blocks = s.blocks[:0]
	for _, b := range o.open {
		b.entries, b.data = nil, nil
		s.blocks = append(s.blocks, b)
	}
	for i := range o.waiting {
		s.blocks = append(s.blocks, &o.waiting[i])
	}
	s.entries, s.data, s.limit = s.entries[:0], s.data[:0], min(o.limits.open, mostSelected)
	s.bound, s.full = o.firstBound(s), false
	s.reserve(o.plan)
	slices.SortFunc(s.blocks, func(a, b *openBlock) int { return a.from.compare(b.from) })
}

// reserve allocates the memory once, for messages of the usual size.
func (s *selection) reserve(p *Plan) {
	size := p.Bytes/p.Messages + messageHead
	n := min(p.Messages, s.limit/(selectedSize+size)+1)
	s.entries = slices.Grow(s.entries, int(n))
	s.data = slices.Grow(s.data, int(min(n*size, s.limit)))
}

// firstBound returns a log time up to which there are more messages than fit into memory, so that later blocks need not be read.
func (o *ordered) firstBound(s *selection) uint64 {
	slices.SortFunc(s.blocks, func(a, b *openBlock) int { return cmp.Compare(a.last, b.last) })
	size := uint64(0)
	for _, b := range s.blocks {
		if size += uint64(b.messages-b.done) * (selectedSize + messageHead); size >= s.limit {
			return b.last
		}
	}
	return math.MaxUint64
}

// choose adds the messages of a block that are early enough.
func (o *ordered) choose(s *selection, i uint32, b *openBlock) error {
	if o.isLarge(b.block) {
		s.add(selected{time: b.time, block: i}, nil)
		return nil
	}
	b.time = math.MaxUint64
	return o.each(b, func(e entry, head []byte) error {
		switch {
		case b.done > 0 && (key{e.time, b.from, e.off}).compare(o.last) <= 0:
			return nil
		case e.time > s.bound || s.full:
			b.time = min(b.time, e.time)
			return nil
		}
		body := s.add(selected{time: e.time, block: i, off: e.off, len: e.len}, head)
		if body == nil {
			return nil
		}
		return o.read(body)
	})
}

// add adds a message and returns the memory for its payload. If it is not early enough any more, its block gets its time.
func (s *selection) add(e selected, head []byte) []byte {
	for len(s.entries) > 1 && uint64(len(s.entries)+1)*selectedSize+uint64(len(s.data))+uint64(e.len) > s.limit {
		s.cut()
	}
	if b := s.blocks[e.block]; e.time > s.bound || s.full {
		b.time = min(b.time, e.time)
		return nil
	}
	e.at = uint32(len(s.data))
	s.entries = append(s.entries, e)
	if head == nil {
		return nil
	}
	s.data = append(s.data, head...)
	s.data = slices.Grow(s.data, int(e.len-messageHead))[:int(e.at)+int(e.len)]
	return s.data[e.at+messageHead:]
}

// cut drops the later half of the messages. What is read after that has a later position in the file than all that was kept, and is
// therefore later in order if it has the same log time as the last one kept.
func (s *selection) cut() {
	s.sort()
	keep := (len(s.entries) + 1) / 2
	for _, e := range s.entries[keep:] {
		b := s.blocks[e.block]
		b.time = min(b.time, e.time)
	}
	s.entries = s.entries[:keep]
	last := s.entries[keep-1].time
	s.bound, s.full = last-1, last == 0
	slices.SortFunc(s.entries, func(a, b selected) int { return cmp.Compare(a.at, b.at) })
	end := uint32(0)
	for i := range s.entries {
		e := &s.entries[i]
		copy(s.data[end:], s.data[e.at:e.at+e.len])
		e.at = end
		end += e.len
	}
	s.data = s.data[:end]
}

// chosen returns a message of the selection. It returns false if room refused it.
func (o *ordered) chosen(s *selection, e *selected, b *openBlock) (m Message, ok bool, err error) {
	if !o.isLarge(b.block) {
		// A reference would keep the whole selection in memory.
		m, err = o.message(b, s.data[e.at:e.at+e.len])
		m.Data = slices.Clone(m.Data)
		return m, err == nil && o.room(len(m.Data)), err
	}
	if !o.room(int(b.bytes - messageHead)) {
		return m, false, nil
	}
	if err = o.load(b); err == nil {
		m, err = o.message(b, b.data)
	}
	b.entries, b.data = nil, nil
	return m, err == nil, err
}

// end closes all blocks. Those with remaining messages wait to be opened again.
func (o *ordered) end(s *selection) {
	waiting := make([]openBlock, 0, len(s.blocks))
	for _, b := range s.blocks {
		if b.done < b.messages {
			waiting = append(waiting, *b)
		}
	}
	slices.SortFunc(waiting, func(a, b openBlock) int { return cmp.Or(cmp.Compare(a.time, b.time), a.from.compare(b.from)) })
	o.open, o.waiting = o.open[:0], waiting
	o.findOverlap()
}

func (s *selection) sort() {
	slices.SortFunc(s.entries, func(a, b selected) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.block, b.block), cmp.Compare(a.off, b.off))
	})
}
