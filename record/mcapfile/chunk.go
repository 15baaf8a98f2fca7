package mcapfile

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// A chunk collects records before they are compressed and written.
type chunk struct {
	records    []byte
	start, end uint64 // smallest and largest log time
	messages   uint64
	bytes      uint64
	indexes    []*mcap.MessageIndex // one for each channel with messages in it
	at         map[uint16]int       // channel -> position in indexes
	schemas    []*mcap.Schema       // introduced by this chunk
	channels   []*mcap.Channel
	metadata   []*mcap.Metadata // to be written before the chunk
	values     int              // bytes of metadata
}

func newChunk() *chunk { return &chunk{at: make(map[uint16]int)} }

// keepCapacity is the size above which a chunk's memory is freed instead of being kept for the next chunk.
const keepCapacity = 4 << 20

func (c *chunk) reset() *chunk {
	if cap(c.records) > keepCapacity {
		return newChunk()
	}
	clear(c.at)
	*c = chunk{records: c.records[:0], at: c.at}
	return c
}

// size returns the number of bytes in the chunk.
func (c *chunk) size() int { return len(c.records) + c.values }

func (c *chunk) addSchema(s *mcap.Schema) {
	c.schemas = append(c.schemas, s)
	c.open(mcap.OpSchema, 2+4+len(s.Name)+4+len(s.Encoding)+4+len(s.Data))
	c.records = binary.LittleEndian.AppendUint16(c.records, s.ID)
	c.string(s.Name)
	c.string(s.Encoding)
	c.string(string(s.Data))
}

func (c *chunk) addChannel(ch *mcap.Channel) {
	c.channels = append(c.channels, ch)
	metadata := 0
	for k, v := range ch.Metadata {
		metadata += 4 + len(k) + 4 + len(v)
	}
	c.open(mcap.OpChannel, 2+2+4+len(ch.Topic)+4+len(ch.MessageEncoding)+4+metadata)
	c.records = binary.LittleEndian.AppendUint16(c.records, ch.ID)
	c.records = binary.LittleEndian.AppendUint16(c.records, ch.SchemaID)
	c.string(ch.Topic)
	c.string(ch.MessageEncoding)
	c.records = binary.LittleEndian.AppendUint32(c.records, uint32(metadata))
	for _, k := range slices.Sorted(maps.Keys(ch.Metadata)) {
		c.string(k)
		c.string(ch.Metadata[k])
	}
}

// addMessage copies the data before it changes anything else. The data may be memory of another process that vanishes
// during the copy; then the message is not added.
func (c *chunk) addMessage(id uint16, m *Message) {
	at := uint64(len(c.records))
	c.records = appendMessage(c.records, id, m)
	i, ok := c.at[id]
	if !ok {
		i = len(c.indexes)
		c.at[id] = i
		c.indexes = append(c.indexes, &mcap.MessageIndex{ChannelID: id})
	}
	// Add instead of a literal, because the library counts entries with a private cursor.
	c.indexes[i].Add(m.LogTime, at)
	if c.messages == 0 {
		c.start, c.end = m.LogTime, m.LogTime
	}
	c.start, c.end = min(c.start, m.LogTime), max(c.end, m.LogTime)
	c.messages++
	c.bytes += uint64(len(m.Data))
}

func appendMessage(b []byte, id uint16, m *Message) []byte {
	b = appendOpen(b, mcap.OpMessage, messageHead+len(m.Data))
	b = binary.LittleEndian.AppendUint16(b, id)
	b = binary.LittleEndian.AppendUint32(b, m.Sequence)
	b = binary.LittleEndian.AppendUint64(b, m.LogTime)
	b = binary.LittleEndian.AppendUint64(b, m.PublishTime)
	return append(b, m.Data...)
}

func (c *chunk) open(op mcap.OpCode, length int) { c.records = appendOpen(c.records, op, length) }

func appendOpen(b []byte, op mcap.OpCode, length int) []byte {
	b = slices.Grow(b, recordHead+length)
	b = append(b, byte(op))
	return binary.LittleEndian.AppendUint64(b, uint64(length))
}

func (c *chunk) string(s string) {
	c.records = binary.LittleEndian.AppendUint32(c.records, uint32(len(s)))
	c.records = append(c.records, s...)
}
