package mcapfile

import (
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// NewIndexedPlan is NewPlan without reading the messages: it takes the times of the chunks from the index at the end of the file
// and reads nothing else but the beginning of each record. It returns false where the index does not suffice: the file was not
// closed, is several files, has messages outside of chunks, chunks of more than 8 MiB or too many of the same time, or the index is damaged or lacks a chunk.
//
// The chunks are verified when their messages are read; Unread has what was damaged then. ChannelPlan.First, Last and Largest are
// limits, and Bytes is 0. Stats has no attachments.
func NewIndexedPlan(src io.ReaderAt, size int64, limits *Limits, keep func(*Channel) bool) (*Plan, bool, error) {
	r, err := NewReader(src, size, limits)
	if err != nil {
		return nil, false, err
	}
	i := indexReader{reader: r, chunks: make(map[int64]*indexedChunk), channels: make(map[uint16]*ChannelPlan), indexed: make(map[uint16]uint64)}
	if err := i.readSummary(); err == nil {
		err = i.readHeads()
		if err == nil {
			return i.plan(keep)
		}
		if errors.Is(err, errRead) {
			return nil, false, err
		}
	}
	return nil, false, nil // NewPlan reports what is wrong with the file
}

// Unread returns the damage that was found while the messages of a plan were read. Those of the damaged chunks are missing.
func (p *Plan) Unread() *Damage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unread
}

var errIndex = errors.New("the index does not suffice")

// An indexedChunk is a chunk as its index describes it.
type indexedChunk struct {
	first, last uint64 // log times
	size        uint64 // of its records
	channels    []uint16
	found       bool
}

const indexedChunkCost = 128

// An indexReader makes a plan from an index.
type indexReader struct {
	reader   *Reader
	chunks   map[int64]*indexedChunk // by position
	channels map[uint16]*ChannelPlan // by id
	messages map[uint16]uint64       // by id of the channel, from the statistics
	indexed  map[uint16]uint64       // likewise, from the message indexes
}

// readSummary reads the summary of a file that is a single one.
func (i *indexReader) readSummary() error {
	r := i.reader
	start, ok := r.summaryStart()
	if !ok || len(r.ends) > 1 || i.checkSum(start) != nil {
		return errIndex
	}
	r.seek(start)
	for {
		op, err := r.nextOfFile()
		if err != nil {
			return err
		}
		if op == mcap.OpFooter {
			if i.messages == nil || r.pos != r.file.size-int64(len(mcap.Magic)) {
				return errIndex
			}
			return nil
		}
		switch op {
		case mcap.OpSchema, mcap.OpChannel, mcap.OpChunkIndex, mcap.OpStatistics:
		default:
			continue
		}
		b, err := r.body()
		if err != nil {
			return err
		}
		switch op {
		case mcap.OpChunkIndex:
			err = i.addChunk(b)
		case mcap.OpStatistics:
			err = i.addCounts(b)
		default:
			err = r.define(op, b)
		}
		if err != nil {
			return err
		}
	}
}

// checkSum verifies the CRC of the summary, if it has one.
func (i *indexReader) checkSum(start int64) error {
	r := i.reader
	at := r.file.size - int64(len(mcap.Magic)) - footerSize
	b, err := r.file.at(at, footerSize)
	if err != nil {
		return err
	}
	c := cursor{b: b[footerSize-4:]}
	want := c.uint32()
	if want == 0 {
		return nil
	}
	got, err := r.file.sumOf(start, at+footerSize-4)
	if err == nil && got != want {
		err = errSum
	}
	return err
}

func (i *indexReader) addChunk(b []byte) error {
	c := cursor{b: b}
	first, last, offset, _ := c.uint64(), c.uint64(), c.uint64(), c.uint64()
	offsets := cursor{b: c.take(uint64(c.uint32()))}
	c.uint64() // bytes of the message indexes
	c.string()
	c.uint64() // compressed
	size := c.uint64()
	if c.err != nil || offset > math.MaxInt64 || size > i.reader.limits.block || size > 0 && len(offsets.b) == 0 || first > last {
		return errIndex
	}
	if err := i.reader.kept.take(indexedChunkCost + blockCost + uint64(len(offsets.b))); err != nil {
		return err
	}
	chunk := &indexedChunk{first: first, last: last, size: size}
	for len(offsets.b) > 0 && offsets.err == nil {
		chunk.channels = append(chunk.channels, offsets.uint16())
		offsets.uint64()
	}
	slices.Sort(chunk.channels)
	i.chunks[int64(offset)] = chunk
	return offsets.err
}

func (i *indexReader) addCounts(b []byte) error {
	c := cursor{b: b}
	total := c.uint64()
	c.take(2 + 4 + 4 + 4 + 4 + 8 + 8)
	counts := cursor{b: c.take(uint64(c.uint32()))}
	i.messages = make(map[uint16]uint64)
	sum := uint64(0)
	for c.err == nil && counts.err == nil && len(counts.b) > 0 {
		id, n := counts.uint16(), counts.uint64()
		if sum += n; n > 0 {
			i.messages[id] = n
		}
	}
	if c.err != nil || counts.err != nil || sum != total {
		return errIndex
	}
	return nil
}

// headsAtOnce is the number of bytes that are read of a record of which only the beginning is looked at.
const headsAtOnce = 512

// readHeads goes from record to record up to the end of the messages. Each chunk must be in the index, and each of its channels: chunks
// without a wanted channel are never read.
func (i *indexReader) readHeads() error {
	r := i.reader
	r.seek(int64(len(mcap.Magic)))
	r.file.least = headsAtOnce
	found := 0
	var chunk *indexedChunk
	for {
		op, err := r.nextOfFile()
		if err != nil {
			return err
		}
		switch op {
		case mcap.OpMessage:
			return errIndex
		case mcap.OpDataEnd:
			if found != len(i.chunks) || !maps.Equal(i.indexed, i.messages) {
				return errIndex
			}
			r.stats.Closed = true
			return nil
		case mcap.OpHeader:
			err = r.header()
		case mcap.OpMetadata:
			err = r.metadata()
		case mcap.OpSchema, mcap.OpChannel:
			var b []byte
			if b, err = r.body(); err == nil {
				err = r.define(op, b)
			}
		case mcap.OpChunk:
			chunk = i.chunks[r.at.off]
			var h chunkHead
			if h, err = r.chunkHead(); err == nil && (chunk == nil || chunk.found || h.size != chunk.size) {
				err = errIndex
			}
			if err == nil {
				chunk.found = true
				found++
			}
		case mcap.OpMessageIndex:
			err = i.addMessages(chunk)
		}
		if err != nil {
			return err
		}
	}
}

// addMessages counts the messages of a message index. Its channel must be in the index of the chunk.
func (i *indexReader) addMessages(chunk *indexedChunk) error {
	b, err := i.reader.take(2 + 4)
	if err != nil {
		return err
	}
	id, n := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint32(b[2:])/messageIndexEntry
	if n == 0 {
		return nil
	}
	if chunk == nil {
		return errIndex
	}
	if _, named := slices.BinarySearch(chunk.channels, id); !named {
		return errIndex
	}
	i.indexed[id] += uint64(n)
	return nil
}

func (i *indexReader) plan(keep func(*Channel) bool) (*Plan, bool, error) {
	r := i.reader
	p := &Plan{src: r.file.src, size: r.file.size, limits: r.limits, keep: make(map[*Channel]bool), time: byLogTime, Stats: r.stats, Declared: r.Channels(), inside: make(map[int64][]uint16)}
	var order []*ChannelPlan
	for _, ch := range r.channels {
		if i.messages[ch.ID] == 0 {
			continue
		}
		p.keep[ch] = keep == nil || keep(ch)
		if p.keep[ch] {
			c := &ChannelPlan{Channel: ch, Messages: i.messages[ch.ID], First: math.MaxUint64}
			i.channels[ch.ID] = c
			order = append(order, c)
			p.Messages += c.Messages
		}
	}
	var first, last uint64 = math.MaxUint64, 0
	p.Start = math.MaxUint64
	for off, chunk := range i.chunks {
		p.chunk = max(p.chunk, chunk.size)
		first, last = min(first, chunk.first), max(last, chunk.last)
		kept := false
		for _, id := range chunk.channels {
			if r.part.defs.channels[id] == nil {
				return nil, false, nil
			}
			if c := i.channels[id]; c != nil {
				kept = true
				c.First, c.Last, c.Largest = min(c.First, chunk.first), max(c.Last, chunk.last), max(c.Largest, chunk.size)
			}
		}
		if kept {
			p.inside[off] = chunk.channels
			p.Start, p.End = min(p.Start, chunk.first), max(p.End, chunk.last)
			p.blocks = append(p.blocks, block{from: position{off: off}, defs: r.part.defs, first: chunk.first, last: chunk.last, indexed: true, bytes: chunk.size})
		}
	}
	p.Start = min(p.Start, p.End)
	if len(i.chunks) > 0 {
		p.First, p.Span = first, last-first
	}
	for _, c := range order {
		if c.Last < c.First {
			return nil, false, nil // no chunk has the messages that the statistics count
		}
		p.Channels = append(p.Channels, *c)
	}
	p.sortBlocks()
	return p, !p.overlaps(), nil
}
