package mcapfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/foxglove/mcap/go/mcap"
)

// An output writes whole chunks to one file. It is for one goroutine at a time.
type output struct {
	opts   *WriterOptions
	dst    io.Writer
	buffer *bufio.Writer
	file   *fileWriter
	start  uint64 // valid when a message was written
	end    uint64
	synced time.Time
	dirty  bool  // has chunks that are not synced
	size   int64 // bytes of whole records written to dst
	full   bool  // the disk is full; only what was reserved can still be written
	tail   int   // bytes that close needs, about

	channels map[uint16]bool // that were declared
	ranges   map[Range]bool
	budget   int             // bytes left for ranges
	unknown  map[uint16]bool // channels whose ranges are not declared any more, because the budget is used up

	repeat   []*keptMessage // to be written before the first chunk
	repeated map[any]*keptMessage
	part     *Part
}

func newOutput(p *Part, values []*mcap.Metadata, opts *WriterOptions) (*output, error) {
	o := &output{
		opts: opts, part: p, dst: p.Dst, buffer: bufio.NewWriterSize(p.Dst, 64<<10), synced: time.Now(), budget: opts.RangeLimit,
		channels: make(map[uint16]bool), ranges: make(map[Range]bool), unknown: make(map[uint16]bool), tail: leastTail,
	}
	var err error
	o.file, err = newFileWriter(o.buffer, opts.Profile, opts.Library)
	if err == nil {
		err = o.writeMetadata(append(metadataRecords(p.Metadata), values...))
	}
	if err == nil {
		err = o.writeAttachments(p)
	}
	if err == nil {
		err = o.flush()
	}
	if err == nil {
		err = o.reserve(0)
	}
	if err != nil {
		return nil, o.failed(err)
	}
	return o, nil
}

func metadataRecords(metadata []Metadata) (records []*mcap.Metadata) {
	for _, m := range metadata {
		records = append(records, &mcap.Metadata{Name: m.Name, Metadata: m.Values})
	}
	return records
}

func (o *output) flush() error {
	err := o.buffer.Flush()
	if err == nil {
		o.size = o.file.Size()
	}
	return err
}

// leastTail is the number of bytes that close needs besides what is counted: footer, statistics, summary offsets, and the metadata of the
// caller.
const leastTail = 64 << 10

// reserve reserves disk space for n more bytes and for the end of the file.
func (o *output) reserve(n int) error {
	d, ok := o.dst.(interface{ Reserve(size int64) error })
	if !ok {
		return nil
	}
	err := d.Reserve(o.size + int64(n+o.tail))
	o.full = IsFull(err)
	return err
}

func (o *output) writeAttachments(p *Part) error {
	for _, a := range p.Attachments {
		err := o.file.WriteAttachment(&mcap.Attachment{
			LogTime: p.LogTime, CreateTime: uint64(max(a.Created.UnixNano(), 0)), Name: a.Name, MediaType: a.MediaType,
			DataSize: uint64(len(a.Data)), Data: bytes.NewReader(a.Data),
		})
		if err != nil {
			return err
		}
		o.tail += 100 + len(a.Name) + len(a.MediaType)
	}
	return nil
}

func (o *output) writeChunk(c *chunk) error {
	if len(o.repeat) > 0 {
		logTime := o.part.LogTime
		if c.messages > 0 {
			logTime = min(logTime, c.start)
		}
		if err := o.writeRepeated(logTime); err != nil {
			return err
		}
	}
	need := o.need(c)
	o.tail += 100 + 10*len(c.indexes) // the index of the chunk
	err := o.reserve(need)
	if err == nil {
		err = o.writeMetadata(c.metadata)
	}
	if err == nil {
		err = o.declare(c.channels)
	}
	if err == nil {
		err = o.declare(c.unused)
	}
	if err == nil {
		err = o.writeMetadata(o.rangesOf(c))
	}
	if err == nil {
		err = o.writeMessages(c)
	}
	if err == nil {
		err = o.flush()
	}
	o.dirty = true
	if err == nil && o.opts.SyncInterval > 0 && o.untilSync() == 0 {
		err = o.sync()
	}
	if err != nil {
		return o.failed(err)
	}
	// The library counts messages only in its own chunks, and takes a first time of 0 for "none yet".
	for _, i := range c.indexes {
		o.file.Statistics.ChannelMessageCounts[i.ChannelID] += uint64(len(i.Entries()))
	}
	if o.file.Statistics.MessageCount == 0 {
		o.start, o.end = c.start, c.end
	}
	if o.file.Statistics.MessageCount += c.messages; c.messages > 0 {
		o.start, o.end = min(o.start, c.start), max(o.end, c.end)
	}
	return nil
}

// need returns the bytes that a chunk takes in the file, at most.
func (o *output) need(c *chunk) int {
	n := len(c.records)
	if c.packed != nil {
		n = len(c.packed)
	}
	return n + c.values + indexCost*int(c.messages) + 64*len(c.indexes) + o.declarationSize(c)
}

// writeRepeated writes the messages from before the part.
func (o *output) writeRepeated(logTime uint64) error {
	kept := o.repeat
	o.repeat, o.repeated = nil, make(map[any]*keptMessage)
	for _, k := range kept {
		o.repeated[k.source] = k
	}
	c := repeatedChunk(kept, logTime)
	c.crc = checksumOf(c.records)
	return o.writeChunk(c)
}

func (o *output) writeMetadata(metadata []*mcap.Metadata) error {
	for _, m := range metadata {
		if err := o.file.WriteMetadata(m); err != nil {
			return err
		}
		o.tail += 40 + len(m.Name)
	}
	return nil
}

// declarationSize returns the bytes of the channels and schemas that a chunk needs. The end of the file repeats them.
func (o *output) declarationSize(c *chunk) (n int) {
	for _, all := range [][]*declaration{c.channels, c.unused} {
		for _, d := range all {
			if !o.channels[d.channel.ID] {
				n += d.size()
			}
		}
	}
	return 2 * n
}

func (d *declaration) size() int {
	n := 64 + len(d.channel.Topic) + len(d.channel.MessageEncoding)
	for k, v := range d.channel.Metadata {
		n += 8 + len(k) + len(v)
	}
	if d.schema != nil {
		n += 64 + len(d.schema.Name) + len(d.schema.Encoding) + len(d.schema.Data)
	}
	return n
}

// declare writes the channels that the file does not have yet.
func (o *output) declare(channels []*declaration) error {
	for _, d := range channels {
		if o.channels[d.channel.ID] {
			continue
		}
		o.channels[d.channel.ID] = true
		o.tail += 2*d.size() + 100 // with what the metadata at the end says of it
		if d.schema != nil {
			if err := o.file.WriteSchema(d.schema); err != nil {
				return err
			}
		}
		if err := o.file.WriteChannel(d.channel); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) writeMessages(c *chunk) error {
	if c.messages == 0 {
		return nil // a chunk without messages would have zero times, which some tools show as 1970
	}
	out := mcap.Chunk{
		MessageStartTime: c.start, MessageEndTime: c.end,
		UncompressedSize: uint64(len(c.records)), UncompressedCRC: c.crc, Records: c.records,
	}
	if c.packed != nil {
		out.Compression, out.Records = o.opts.Compression.mcapName(), c.packed
	}
	return o.file.writeChunk(&out, c.indexes)
}

func (o *output) close(channels []*declaration) error {
	var err error
	if len(o.repeat) > 0 && !o.full {
		err = o.writeRepeated(o.part.LogTime)
	}
	if err == nil && !o.full {
		err = o.declare(channels)
	}
	if err == nil && o.part.Ending != nil {
		err = o.writeMetadata(metadataRecords(o.part.Ending()))
	}
	if err != nil {
		return o.failed(err)
	}
	o.file.Statistics.MessageStartTime, o.file.Statistics.MessageEndTime = o.start, o.end
	err = o.file.Close()
	if err == nil {
		err = o.flush()
	}
	if err == nil {
		err = o.freeRest()
	}
	if err == nil {
		err = o.sync()
	}
	if err != nil {
		return o.failed(err)
	}
	return nil
}

// freeRest frees the disk space that was reserved and not used.
func (o *output) freeRest() error {
	if f, ok := o.dst.(interface {
		Reserve(size int64) error
		Truncate(size int64) error
	}); ok {
		return f.Truncate(o.size)
	}
	return nil
}

// untilSync returns how long the chunks that are written may remain without a sync, at least 0.
func (o *output) untilSync() time.Duration { return max(o.opts.SyncInterval-time.Since(o.synced), 0) }

func (o *output) sync() error {
	o.synced, o.dirty = time.Now(), false
	if f, ok := o.dst.(interface{ Sync() error }); ok {
		return f.Sync()
	}
	return nil
}

// failed truncates the file to its last whole record. If this fails too, readers skip the torn end. A file on a full disk keeps what is
// reserved for its end.
func (o *output) failed(err error) error {
	if f, ok := o.dst.(interface{ Truncate(int64) error }); ok && !o.full {
		_ = f.Truncate(o.size)
	}
	return &WriteError{Messages: o.file.Statistics.MessageCount, Offset: o.size, Err: err}
}

// IsFull reports whether err says that the disk, a quota or the largest size of a file is used up.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
