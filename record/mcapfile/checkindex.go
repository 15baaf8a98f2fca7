package mcapfile

import (
	"encoding/binary"
	"fmt"

	"github.com/foxglove/mcap/go/mcap"
)

// An indexed sums up messages of a channel in a chunk without keeping them: a message index with the same sum has the same entries.
type indexed struct{ messages, sum uint64 }

func (x *indexed) add(time, offset uint64) {
	x.messages++
	h := time*0x9e3779b97f4a7c15 ^ offset // the sum must not depend on the order
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	x.sum += h ^ h>>32
}

// A placed record is an attachment or a metadata record, as found or as an index describes it.
type placed struct {
	off, length         int64
	name, mediaType     string
	logTime, createTime uint64
	size                uint64
}

// A placedChunk is a chunk, as found or as the index describes it.
type placedChunk struct {
	off, length  int64
	start, end   uint64 // log times that its record says
	compression  string
	packed, size uint64
	indexLength  int64   // bytes of the message indexes after it
	indexes      indexed // their places, by channel

	messages    uint64 // found
	first, last uint64 // log times found
}

func (p *placedChunk) add(time uint64) {
	if p.messages == 0 {
		p.first, p.last = time, time
	}
	p.first, p.last = min(p.first, time), max(p.last, time)
	p.messages++
}

func (p *placedChunk) text() string {
	return fmt.Sprintf("%d bytes, log times %d to %d, %.40q, %d bytes of records for %d, message indexes of %d bytes",
		p.length, p.start, p.end, p.compression, p.packed, p.size, p.indexLength)
}

func (p *placed) text() string {
	return fmt.Sprintf("%d bytes, %.100q, %.100q, log time %d, created %d, content of %d bytes", p.length, p.name, p.mediaType, p.logTime, p.createTime, p.size)
}

const placedCost = 160

// keep reports whether there is memory to keep one more place. Otherwise the indexes are not compared.
func (c *checker) keep(at int64, n int) bool {
	if c.part.over {
		return false
	}
	if c.kept.take(placedCost+uint64(n)) != nil {
		c.part.over = true
		c.find(IsWarning, at, "there are too many chunks to compare them with the index; allow more memory (--memory)")
		return false
	}
	return true
}

func (c *checker) chunk(r *Reader, h *chunkHead) {
	c.endChunk()
	if h.crc == 0 && h.size > 0 {
		if c.part.noCRC++; c.part.noCRC == 1 {
			c.find(IsWarning, r.at.off, "a chunk without a CRC: damage to it may stay unnoticed")
		}
	}
	if !c.keep(r.at.off, len(h.compression)) {
		c.part.chunk = nil
		return
	}
	c.part.chunks = append(c.part.chunks, placedChunk{
		off: r.at.off - r.part.base, length: r.pos - r.at.off, start: h.start, end: h.end, compression: h.compression, packed: h.packed, size: h.size,
	})
	c.part.chunk = &c.part.chunks[len(c.part.chunks)-1]
}

// endChunk compares the current chunk with its head and its message indexes, all of which were read.
func (c *checker) endChunk() {
	p := &c.part
	k := p.chunk
	if k == nil {
		return
	}
	p.chunk = nil
	if k.messages > 0 && (k.start != k.first || k.end != k.last) {
		c.find(IsError, p.base+k.off, "the chunk says that its log times are %d to %d, and they are %d to %d", k.start, k.end, k.first, k.last)
	}
	if k.messages > 0 && k.indexLength == 0 {
		if p.unindexed++; p.unindexed == 1 {
			c.find(IsWarning, p.base+k.off, "a chunk without message indexes")
		}
		clear(p.contents)
	}
	for id, x := range p.contents {
		if x.messages > 0 {
			c.find(IsError, p.base+k.off, "%d messages of channel %d in the chunk are in no message index", x.messages, id)
		}
	}
	clear(p.contents)
}

// messageIndexEntry is the number of bytes of a message in a message index.
const messageIndexEntry = 8 + 8

// messageIndex compares the index of one channel with the messages of the chunk before it.
func (c *checker) messageIndex(r *Reader) error {
	head, err := r.take(2 + 4)
	if err != nil {
		return err
	}
	id, size := binary.LittleEndian.Uint16(head), uint64(binary.LittleEndian.Uint32(head[2:]))
	var said indexed
	for left := size; left > 0; {
		n := min(left, windowSize/messageIndexEntry*messageIndexEntry)
		b, err := r.take(n)
		if err != nil {
			return err
		}
		for ; len(b) >= messageIndexEntry; b = b[messageIndexEntry:] {
			said.add(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
		}
		left -= n
	}
	k := c.part.chunk
	if k == nil {
		if !c.part.over {
			c.find(IsError, r.at.off, "a message index that follows no chunk")
		}
		return nil
	}
	k.indexLength += r.pos - r.at.off
	if size > 0 {
		k.indexes.add(uint64(id), uint64(r.at.off-r.part.base))
	}
	var found indexed
	if x := c.part.contents[id]; x != nil {
		found = *x
		*x = indexed{}
	}
	if said != found && !r.part.damaged {
		c.find(IsError, r.at.off, "the message index of channel %d has %d entries that do not lead to the %d messages in the chunk", id, said.messages, found.messages)
	}
	return nil
}

// place notes where a record is.
func (c *checker) place(r *Reader, op mcap.OpCode, p placed) {
	c.endChunk()
	if c.keep(r.at.off, len(p.name)+len(p.mediaType)) {
		p.off, p.length = r.at.off-r.part.base, r.pos-r.at.off
		c.part.places[op] = append(c.part.places[op], p)
	}
}

func (c *checker) chunkIndex(r *Reader) error {
	f, err := r.fields()
	if err != nil {
		return err
	}
	c.group(r, mcap.OpChunkIndex)
	k := placedChunk{start: f.uint64(), end: f.uint64()}
	k.off, k.length = int64(f.uint64()), int64(f.uint64())
	places := cursor{b: f.take(uint64(f.uint32()))}
	for f.err == nil && len(places.b) > 0 {
		id, at := places.uint16(), places.uint64()
		if f.err = places.err; f.err == nil {
			k.indexes.add(uint64(id), at)
		}
	}
	k.indexLength = int64(f.uint64())
	k.compression, k.packed, k.size = f.string(), f.uint64(), f.uint64()
	if f.err == nil && c.keep(r.at.off, len(k.compression)) {
		c.part.indexes = append(c.part.indexes, k)
	}
	return f.err
}

func (c *checker) attachmentIndex(r *Reader) error {
	f, err := r.fields()
	if err != nil {
		return err
	}
	c.group(r, mcap.OpAttachmentIndex)
	var p placed
	p.off, p.length = int64(f.uint64()), int64(f.uint64())
	p.logTime, p.createTime, p.size = f.uint64(), f.uint64(), f.uint64()
	p.name, p.mediaType = f.string(), f.string()
	return c.declare(r, mcap.OpAttachment, p, f.err)
}

func (c *checker) metadataIndex(r *Reader) error {
	f, err := r.fields()
	if err != nil {
		return err
	}
	c.group(r, mcap.OpMetadataIndex)
	var p placed
	p.off, p.length, p.name = int64(f.uint64()), int64(f.uint64()), f.string()
	return c.declare(r, mcap.OpMetadata, p, f.err)
}

func (c *checker) declare(r *Reader, op mcap.OpCode, p placed, err error) error {
	if err == nil && c.keep(r.at.off, len(p.name)+len(p.mediaType)) {
		c.part.declared[op] = append(c.part.declared[op], p)
	}
	return err
}

// fields returns the fields of the current record.
func (r *Reader) fields() (cursor, error) {
	b, err := r.body()
	return cursor{b: b}, err
}
