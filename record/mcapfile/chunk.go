package mcapfile

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/foxglove/mcap/go/mcap"
)

// A chunk collects messages before they are compressed and written. It does not depend on the chunks before it: an output
// writes what it needs besides.
type chunk struct {
	records  []byte
	start    uint64 // smallest and largest log time
	end      uint64
	messages uint64
	indexes  []*mcap.MessageIndex // one for each channel with messages in it
	channels []*declaration       // of the same channels
	payload  []uint64             // bytes of the same channels
	current  []Range              // of the newest message of the same channels
	at       map[uint16]int       // channel -> position in these
	ranges   []firstOf            // distinct, by their first message
	known    map[Range]bool       // the same
	latched  []latchedMessage
	ended    []any // latched sources that are gone
	passed   []passedBefore
	unused   []*declaration   // new channels, whether they have messages or not
	metadata []*mcap.Metadata // to be written before the chunk
	values   int              // bytes of metadata, also of ranges
	cut      time.Time        // when it was complete

	state  packState
	packed []byte // compressed records, nil = stored as they are
	crc    uint32
	mark   *mark // set: not a chunk, but the beginning or the end of a part
}

// firstOf is the first message of a range in a chunk.
type firstOf struct {
	Range
	channel  uint16
	sequence uint32
	source   any // of latched messages
}

// passedBefore is a message, and the number of those just before it that are not missing.
type passedBefore struct {
	firstOf
	n uint64
}

func newChunk() *chunk { return &chunk{at: make(map[uint16]int), known: make(map[Range]bool)} }

// keepCapacity is the size above which a chunk's memory is freed instead of being kept for the next chunk.
const keepCapacity = 4 << 20

func (c *chunk) reset() {
	records := c.records[:0]
	if cap(records) > keepCapacity {
		records = nil
	}
	clear(c.at)
	clear(c.known)
	clear(c.current)
	clear(c.latched)
	for _, i := range c.indexes {
		i.Reset()
	}
	*c = chunk{
		records: records, at: c.at, known: c.known, indexes: c.indexes[:0], channels: c.channels[:0], payload: c.payload[:0],
		current: c.current[:0],
		ranges:  c.ranges[:0], latched: c.latched[:0],
	}
}

// Memory in bytes besides the records.
const (
	indexCost   = 24 // of a message
	latchedCost = 80 // of a latched message
)

// size returns the number of bytes of memory of the chunk.
func (c *chunk) size() int {
	return cap(c.records) + c.values + indexCost*int(c.messages) + latchedCost*len(c.latched)
}

// empty reports whether the chunk has nothing to be written.
func (c *chunk) empty() bool {
	return c.messages == 0 && len(c.metadata) == 0 && len(c.unused) == 0 && len(c.ended) == 0
}

// fit moves the records into memory of their size if they use little of theirs. It returns the old memory then.
func (c *chunk) fit() []byte {
	old := c.records
	if len(old) >= cap(old)/2 {
		return nil
	}
	c.records = slices.Clip(bytes.Clone(old))
	return old[:0]
}

// addMessage copies the data before it changes anything else. The data may be memory of another process that vanishes
// during the copy; then the message is not added.
func (c *chunk) addMessage(d *declaration, m *Message, x *Extra) {
	at := uint64(len(c.records))
	c.records = appendMessage(c.records, d.channel.ID, m)
	i := c.slot(d)
	// Add instead of a literal, because the library counts entries with a private cursor.
	c.indexes[i].Add(m.LogTime, at)
	if x.Range != nil && c.current[i] != x.Range {
		c.current[i] = x.Range
		if !c.known[x.Range] {
			c.known[x.Range] = true
			c.ranges = append(c.ranges, firstOf{x.Range, d.channel.ID, m.Sequence, x.Latched})
			c.values += rangeCost
		}
	}
	if x.Latched != nil {
		c.latched = append(c.latched, latchedMessage{x.Latched, x.Key, d, x.Range, m.Sequence, int(at), len(c.records)})
	}
	if c.messages == 0 {
		c.start, c.end = m.LogTime, m.LogTime
	}
	c.start, c.end = min(c.start, m.LogTime), max(c.end, m.LogTime)
	c.messages++
	c.payload[i] += uint64(len(m.Data))
}

// slot returns the position of a channel in indexes, channels and current.
func (c *chunk) slot(d *declaration) int {
	if i, ok := c.at[d.channel.ID]; ok {
		return i
	}
	i := len(c.indexes)
	c.at[d.channel.ID] = i
	c.channels, c.payload, c.current = append(c.channels, d), append(c.payload, 0), append(c.current, nil)
	if i < cap(c.indexes) {
		c.indexes = c.indexes[:i+1] // perhaps with one to be used again
	} else {
		c.indexes = append(c.indexes, nil)
	}
	if c.indexes[i] == nil {
		c.indexes[i] = new(mcap.MessageIndex)
	}
	c.indexes[i].ChannelID = d.channel.ID
	return i
}

// pack compresses the records, unless that makes them no smaller. scratch is memory for the result; it is returned, or other memory in its
// place, if the result is not used.
func (c *chunk) pack(with compressor, scratch []byte) (unused []byte, err error) {
	c.crc = checksumOf(c.records)
	c.packed = nil
	if with == nil || len(c.records) == 0 {
		return scratch, nil
	}
	worth, err := worthwhile(with, c.records, scratch)
	if err != nil || !worth {
		return scratch, err
	}
	packed, err := with.compress(scratch[:0], c.records)
	if len(packed) >= len(c.records) {
		return packed, err
	}
	c.packed = packed
	return nil, err
}

func appendMessage(b []byte, id uint16, m *Message) []byte {
	n := messageHead + len(m.Data)
	b = slices.Grow(b, recordHead+n)
	b = append(b, byte(mcap.OpMessage))
	b = binary.LittleEndian.AppendUint64(b, uint64(n))
	b = binary.LittleEndian.AppendUint16(b, id)
	b = binary.LittleEndian.AppendUint32(b, m.Sequence)
	b = binary.LittleEndian.AppendUint64(b, m.LogTime)
	b = binary.LittleEndian.AppendUint64(b, m.PublishTime)
	return append(b, m.Data...)
}
