package mcapfile

import (
	"bufio"
	"hash/crc32"
	"io"
	"sync/atomic"
	"time"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"
)

// An output writes whole chunks to the file. It is for one goroutine at a time, except size.
type output struct {
	dst    io.Writer
	buffer *bufio.Writer
	file   *mcap.Writer
	zstd   *zstd.Encoder
	packed []byte // compressed records, kept for the next chunk
	start  uint64 // valid when a message was written
	end    uint64
	every  time.Duration // between two syncs; 0 = only at the end
	synced time.Time
	size   atomic.Int64 // bytes of whole records written to dst
}

func newOutput(dst io.Writer, every time.Duration) (*output, error) {
	// One goroutine and the fastest level: a recorder must not compete with the recorded programs.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, err
	}
	o := &output{dst: dst, buffer: bufio.NewWriterSize(dst, 64<<10), zstd: enc, every: every, synced: time.Now()}
	// Not Chunked: the library writes a chunk only when it is full. Chunks are therefore built here, and the library frames them.
	o.file, err = mcap.NewWriter(o.buffer, &mcap.WriterOptions{IncludeCRC: true, OverrideLibrary: true})
	if err == nil {
		err = o.file.WriteHeader(&mcap.Header{Library: "shmbus"})
	}
	if err == nil {
		err = o.buffer.Flush()
	}
	if err != nil {
		return nil, o.failed(err)
	}
	o.size.Store(int64(o.file.Offset()))
	return o, nil
}

func (o *output) writeChunk(c *chunk) error {
	err := o.writeMetadata(c.metadata)
	if err == nil && c.messages > 0 {
		err = o.writeMessages(c)
	} else if err == nil {
		// A chunk without messages would have zero times, which some tools show as 1970.
		err = o.writeDefinitions(c)
	}
	if err == nil {
		err = o.buffer.Flush()
	}
	if err == nil && o.every > 0 && time.Since(o.synced) >= o.every {
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
	o.size.Store(int64(o.file.Offset()))
	return nil
}

func (o *output) writeMetadata(metadata []*mcap.Metadata) error {
	for _, m := range metadata {
		if err := o.file.WriteMetadata(m); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) writeDefinitions(c *chunk) error {
	for _, s := range c.schemas {
		if err := o.file.WriteSchema(s); err != nil {
			return err
		}
	}
	for _, ch := range c.channels {
		if err := o.file.WriteChannel(ch); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) writeMessages(c *chunk) error {
	for _, s := range c.schemas {
		o.file.AddSchema(s)
	}
	for _, ch := range c.channels {
		o.file.AddChannel(ch)
	}
	out := mcap.Chunk{
		MessageStartTime: c.start,
		MessageEndTime:   c.end,
		UncompressedSize: uint64(len(c.records)),
		UncompressedCRC:  crc32.ChecksumIEEE(c.records),
		Records:          c.records,
	}
	o.packed = o.zstd.EncodeAll(c.records, o.packed[:0])
	if len(o.packed) < len(c.records) {
		out.Compression, out.Records = string(mcap.CompressionZSTD), o.packed
	}
	err := o.file.WriteChunkWithIndexes(&out, c.indexes)
	if cap(o.packed) > keepCapacity {
		o.packed = nil
	}
	return err
}

func (o *output) close(metadata []*mcap.Metadata) error {
	if err := o.writeMetadata(metadata); err != nil {
		return o.failed(err)
	}
	o.file.Statistics.MessageStartTime, o.file.Statistics.MessageEndTime = o.start, o.end
	err := o.file.Close()
	if err == nil {
		err = o.buffer.Flush()
	}
	if err == nil {
		err = o.sync()
	}
	if err != nil {
		return o.failed(err)
	}
	o.size.Store(int64(o.file.Offset()))
	return nil
}

func (o *output) sync() error {
	o.synced = time.Now()
	if f, ok := o.dst.(interface{ Sync() error }); ok {
		return f.Sync()
	}
	return nil
}

// failed truncates the file to its last whole record. If this fails too, readers skip the torn end.
func (o *output) failed(err error) error {
	size := o.size.Load()
	if f, ok := o.dst.(interface{ Truncate(int64) error }); ok {
		_ = f.Truncate(size)
	}
	return &WriteError{Messages: o.file.Statistics.MessageCount, Offset: size, Err: err}
}
