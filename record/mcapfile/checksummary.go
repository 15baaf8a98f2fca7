package mcapfile

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// A group is where the records of one type are in the summary.
type group struct{ from, to int64 }

// group notes a record of the summary.
func (c *checker) group(r *Reader, op mcap.OpCode) {
	from := r.at.off - r.part.base
	g, ok := c.part.groups[op]
	if !ok {
		g.from = from
	}
	g.to = r.pos - r.part.base
	c.part.groups[op] = g
}

// dataEnd finishes the comparison of chunks with their message indexes.
func (c *checker) dataEnd(r *Reader, crc uint32) {
	c.endChunk()
	if crc == 0 {
		c.find(IsWarning, r.at.off, "the data section has no CRC: damage outside of chunks may stay unnoticed")
	}
}

// statistics compares the figures that a Reader does not.
func (c *checker) statistics(r *Reader) error {
	if r.rest > mostStatistics || r.part.damaged {
		return nil // a channel has a number of 16 bits
	}
	b, err := r.file.at(r.pos-int64(r.rest), r.rest)
	if err != nil {
		return err
	}
	c.group(r, mcap.OpStatistics)
	f, p := cursor{b: b}, &c.part
	f.take(8)
	schemas, channels := int(f.uint16()), int(f.uint32())
	f.take(4 + 4 + 4)
	start, end := f.uint64(), f.uint64()
	counts := cursor{b: f.take(uint64(f.uint32()))}
	if f.err != nil {
		return f.err
	}
	if have := len(r.part.defs.schemas); schemas != have {
		c.find(IsWarning, r.at.off, "the statistics say %d schemas, and there are %d", schemas, have)
	}
	if have := len(r.part.defs.channels); channels != have {
		c.find(IsWarning, r.at.off, "the statistics say %d channels, and there are %d", channels, have)
	}
	if p.messages > 0 && (start != p.start || end != p.end) {
		c.find(IsError, r.at.off, "the statistics say that log times are %d to %d, and they are %d to %d", start, end, p.start, p.end)
	}
	said := make(map[uint16]uint64)
	for len(counts.b) > 0 && counts.err == nil {
		id := counts.uint16()
		said[id] = counts.uint64()
	}
	for id, n := range said {
		if n != p.counts[id] {
			c.find(IsError, r.at.off, "the statistics say %d messages of channel %d, and there are %d", n, id, p.counts[id])
		}
	}
	for id, n := range p.counts {
		if _, ok := said[id]; !ok && len(said) > 0 {
			c.find(IsError, r.at.off, "the statistics do not count the %d messages of channel %d", n, id)
		}
	}
	return nil
}

// mostStatistics bounds the bytes of a statistics record: one with a count for each possible channel.
const mostStatistics = 64 + 10<<16

// summaryOffset compares an entry of the summary's table of contents with the summary.
func (c *checker) summaryOffset(r *Reader) error {
	b, err := r.take(1 + 8 + 8)
	if err != nil {
		return err
	}
	op := mcap.OpCode(b[0])
	f := cursor{b: b[1:]}
	start, length := int64(f.uint64()), int64(f.uint64())
	if g, ok := c.part.groups[op]; ok && (g.from != start || g.to-g.from != length) {
		c.find(IsError, r.at.off, "the summary offsets say that its %v records are %d bytes at %d, and they are %d at %d", op, length, start, g.to-g.from, g.from)
	}
	return nil
}

// footer compares the indexes with the file and ends a part.
func (c *checker) footer(r *Reader, start, offsets uint64) {
	p := &c.part
	if start == 0 {
		if len(p.chunks) > 0 {
			c.find(IsWarning, r.at.off, "there is no summary: readers must read the whole file to find anything")
		}
	} else if at := r.part.base + int64(start); at != r.part.tail && r.part.tail > 0 {
		c.find(IsError, r.at.off, "the footer says that the summary begins at byte %d, and it does at %d", at, r.part.tail)
	}
	if !r.part.damaged {
		c.compareDefinitions(r)
	}
	if !p.over && !r.part.damaged {
		c.compareChunks(r)
		for _, op := range []mcap.OpCode{mcap.OpAttachment, mcap.OpMetadata} {
			c.comparePlaces(r, op)
		}
	}
}

// definition notes a schema or channel that the summary repeats.
func (c *checker) definition(r *Reader, op mcap.OpCode, record []byte) {
	if c.part.repeated[op] == nil {
		c.part.repeated[op] = make(map[uint16]bool)
	}
	c.part.repeated[op][binary.LittleEndian.Uint16(record)] = true
	c.group(r, op)
}

// compareDefinitions finds what the summary does not repeat. It may have no schemas or no channels at all.
func (c *checker) compareDefinitions(r *Reader) {
	schemas, channels, at := c.part.repeated[mcap.OpSchema], c.part.repeated[mcap.OpChannel], r.part.tail
	for _, id := range slices.Sorted(maps.Keys(r.part.defs.channels)) {
		ch, n := r.part.defs.channels[id], c.part.counts[id]
		severity := IsWarning
		if n > 0 {
			severity = IsError
		}
		if channels != nil && !channels[id] {
			c.find(severity, at, "the summary lacks channel %d (%.100q), which has %d messages", id, ch.Topic, n)
		}
		if schemas != nil && channels[id] && ch.schemaID != 0 && !schemas[ch.schemaID] {
			c.find(severity, at, "the summary lacks schema %d (%.100q), which its channel %d names", ch.schemaID, ch.SchemaName, id)
		}
	}
}

func (c *checker) compareChunks(r *Reader) {
	p, base := &c.part, r.part.base
	if len(p.indexes) == 0 {
		if len(p.chunks) > 0 {
			c.find(IsWarning, r.at.off, "there is no index of the chunks")
		}
		return
	}
	slices.SortStableFunc(p.indexes, func(a, b placedChunk) int { return cmp.Compare(a.off, b.off) })
	rest := p.indexes
	for _, k := range p.chunks {
		for len(rest) > 0 && rest[0].off < k.off {
			c.find(IsError, base+rest[0].off, "the index says that a chunk begins here, and none does")
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0].off != k.off {
			c.find(IsError, base+k.off, "the index lacks the chunk")
			continue
		}
		said, text := rest[0], ""
		k.messages, k.first, k.last = 0, 0, 0
		if said.indexes.messages == k.indexes.messages {
			text = ": others, or elsewhere"
		}
		if said.indexes != k.indexes {
			c.find(IsError, base+k.off, "the index says where %d message indexes of the chunk are, and there are %d%s", said.indexes.messages, k.indexes.messages, text)
		}
		if said.indexes = k.indexes; said != k {
			c.find(IsError, base+k.off, "the index says of the chunk: %s; the chunk is: %s", said.text(), k.text())
		}
		rest = rest[1:]
	}
	for _, k := range rest {
		c.find(IsError, base+k.off, "the index says that a chunk begins here, and none does")
	}
}

func (c *checker) comparePlaces(r *Reader, op mcap.OpCode) {
	declared, base := c.part.declared[op], r.part.base
	if len(declared) == 0 {
		if n := len(c.part.places[op]); n > 0 {
			c.find(IsWarning, r.at.off, "there is no index of the %d %v records", n, op)
		}
		return
	}
	found := make(map[int64]placed)
	for _, p := range c.part.places[op] {
		found[p.off] = p
	}
	for _, p := range declared {
		if f, ok := found[p.off]; !ok {
			c.find(IsError, base+p.off, "the index says that a record of type %v begins here, and none does", op)
		} else if f != p {
			c.find(IsError, base+p.off, "the index describes the record of type %v differently: %s, and %s", op, p.text(), f.text())
		}
		delete(found, p.off)
	}
	for off := range found {
		c.find(IsError, base+off, "the index lacks the record of type %v", op)
	}
}
